"""How an HTTP application of the server is made."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from contracts.problems import Problem
from kit.http.errors import MEDIA_TYPE, ServerErrorMiddleware, install_handlers
from kit.http.request_guard import RequestGuard
from kit.http.routes import GuardedRoute

REFUSALS: dict[int | str, dict[str, object]] = {
    status: {"model": Problem, "description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in {
        401: "Not logged in.",
        403: "The scope is missing.",
        404: "There is no such thing, or it is not yours.",
        422: "The request is not valid.",
        429: "Too many requests.",
        503: "Not available now.",
    }.items()
}
"""Refusals that every operation may answer, for OpenAPI."""


class _Application(FastAPI):
    """Takes routes only that ask who calls before they read what is sent."""

    def include_router(self, router: APIRouter, **named: Any) -> None:
        """Add the routes of a router."""
        for route in router.routes:
            if isinstance(route, APIRoute) and not isinstance(route, GuardedRoute):
                raise TypeError(f"{route.path}: its APIRouter needs route_class=GuardedRoute")
        super().include_router(router, **named)


def create_app(title: str, *, description: str = "", version: str = "1") -> FastAPI:
    """Return an application whose refusals are problems; its documentation is served elsewhere."""
    app = _Application(
        title=title,
        description=description,
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.router.route_class = GuardedRoute
    install_handlers(app)
    return app


def guarded(app: ASGIApp, *, hosts: Sequence[str] = (), streamed: Sequence[str] = ()) -> ASGIApp:
    """Return an application with the edge's limits before it; see `RequestGuard`."""
    return RequestGuard(ServerErrorMiddleware(app), hosts=hosts, streamed=streamed)
