"""Build the HTTP applications of the server."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from kit.http.errors import PROBLEM_CONTENT, ServerErrorMiddleware, install_handlers
from kit.http.request_guard import RequestGuard
from kit.http.routes import GuardedRoute

REFUSALS: dict[int | str, dict[str, object]] = {
    status: {"description": text, "content": PROBLEM_CONTENT}
    for status, text in {
        401: "Authentication required.",
        403: "Forbidden: the token lacks the required scope.",
        404: "Not found.",
        422: "Invalid request.",
        429: "Too many requests.",
        503: "Service unavailable.",
    }.items()
}
"""Errors that every operation may return, for OpenAPI."""


class _Application(FastAPI):
    """Accepts only routes that authenticate the caller before they read the body."""

    def include_router(self, router: APIRouter, **named: Any) -> None:
        """Add the routes of a router."""
        for route in router.routes:
            if isinstance(route, APIRoute) and not isinstance(route, GuardedRoute):
                raise TypeError(f"{route.path}: its APIRouter needs route_class=GuardedRoute")
        super().include_router(router, **named)


def create_app(title: str, *, description: str = "", version: str = "1") -> FastAPI:
    """Return an application that answers errors as RFC 9457 problems.

    It serves no documentation of its own: the gateway publishes one document for all services.
    """
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
    """Wrap an application in the limits of `RequestGuard` and in `ServerErrorMiddleware`."""
    return RequestGuard(ServerErrorMiddleware(app), hosts=hosts, streamed=streamed)
