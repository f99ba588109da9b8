"""Public keys, the OpenAPI document and the API documentation of the server."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from starlette.responses import HTMLResponse, JSONResponse, Response

from gateway.documentation import render
from gateway.signing_keys import SigningKeys
from kit.http.routes import GuardedRoute

Describe = Callable[[], Awaitable[dict[str, Any]]]
"""Returns the OpenAPI document of the whole server."""
STYLED = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def server_routes(signing_keys: SigningKeys, describe: Describe) -> APIRouter:
    """Return the routes; none requires a login, and none is part of the API."""
    router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

    @router.get("/.well-known/jwks.json")
    async def published_keys() -> Response:
        return JSONResponse(
            signing_keys.published(), headers={"Cache-Control": "public, max-age=60"}
        )

    @router.get("/openapi.json")
    @router.get("/v1/openapi.json")
    async def document() -> Response:
        return JSONResponse(await describe())

    @router.get("/docs")
    async def documentation() -> Response:
        page = render(await describe())
        return HTMLResponse(page, headers={"Content-Security-Policy": STYLED})

    return router
