"""`/healthz` (the loop runs), `/readyz` (what is needed is there), `/metrics`."""

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

HEALTH = ("/healthz", "/readyz", "/metrics")
"""Paths that are answered whatever the caller calls this service."""
Ready = Callable[[], Awaitable[dict[str, bool]]]
"""Tells what is needed, and whether it is there."""
Alive = Callable[[], bool]
"""Tells whether this process can go on without being started again."""


def _always() -> bool:
    return True


def health_routes(ready: Ready, *, measured: bool = True, alive: Alive = _always) -> list[Route]:
    """Return the routes, for an application of one's own.

    Parameters
    ----------
    ready
        What `/readyz` tells.
    measured
        Whether `/metrics` is among them: it tells more of a server than strangers should know.
    alive
        What `/healthz` tells; where it is false, whoever watches this process restarts it.
    """

    async def healthz(request: Request) -> Response:
        well = alive()
        return JSONResponse({"status": "alive" if well else "broken"}, 200 if well else 503)

    async def readyz(request: Request) -> Response:
        needs = await ready()
        well = all(needs.values())
        return JSONResponse({"ready": well, "needs": needs}, 200 if well else 503)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    routes = [Route("/healthz", healthz), Route("/readyz", readyz)]
    return [*routes, Route("/metrics", metrics)] if measured else routes


def health_app(ready: Ready, *, alive: Alive = _always) -> Starlette:
    """Return an application of nothing else, on a port that the outside does not reach."""
    return Starlette(routes=health_routes(ready, alive=alive))
