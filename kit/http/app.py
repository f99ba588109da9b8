"""How an HTTP application of the house is made."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.types import ASGIApp

from contracts.problems import Problem
from kit.http.edge import Edge
from kit.http.errors import MEDIA_TYPE, LastResort, install_handlers

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


def create_app(title: str, *, description: str = "", version: str = "1") -> FastAPI:
    """Return an application whose refusals are problems; its documentation is served elsewhere."""
    app = FastAPI(
        title=title,
        description=description,
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install_handlers(app)
    return app


def behind_edge(
    app: ASGIApp, *, hosts: Sequence[str] = (), streamed: Sequence[str] = ()
) -> ASGIApp:
    """Return an application with the edge's limits before it; see `Edge`."""
    return Edge(LastResort(app), hosts=hosts, streamed=streamed)
