"""Routes for orchestrators: `/healthz` (liveness), `/readyz` (readiness) and `/metrics`."""

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

HEALTH = ("/healthz", "/readyz", "/metrics")
"""Paths that are answered under any host name."""
Ready = Callable[[], Awaitable[dict[str, bool]]]
"""Returns the dependencies by name, and whether each is available."""
Alive = Callable[[], bool]
"""Returns False if only a restart can help this process."""


def _always() -> bool:
    return True


def health_routes(
    ready: Ready, *, with_metrics: bool = True, alive: Alive = _always
) -> list[Route]:
    """Return the health routes, to be added to an application.

    Parameters
    ----------
    ready
        Checks the dependencies for `/readyz`, which answers 503 unless all are available.
    with_metrics
        Whether to include `/metrics`, which must not be public.
    alive
        Decides `/healthz`: on 503 an orchestrator restarts the process.
    """

    async def healthz(request: Request) -> Response:
        healthy = alive()
        return JSONResponse({"status": "alive" if healthy else "broken"}, 200 if healthy else 503)

    async def readyz(request: Request) -> Response:
        needs = await ready()
        available = all(needs.values())
        status = 200 if available else 503
        return JSONResponse({"ready": available, "needs": needs}, status)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    routes = [Route("/healthz", healthz), Route("/readyz", readyz)]
    return [*routes, Route("/metrics", metrics)] if with_metrics else routes


def health_app(ready: Ready, *, alive: Alive = _always) -> Starlette:
    """Return an application with only the health routes, for an internal port."""
    return Starlette(routes=health_routes(ready, alive=alive))
