"""Clients of other services: every call has a deadline and a bounded pool."""

import asyncio
from collections.abc import Callable

import httpx
from starlette.types import ASGIApp

IN_PROCESS = "inprocess://"
TIMEOUT = httpx.Timeout(10.0, connect=3.0, pool=3.0)
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=50)


def build_client(url: str, *, application: Callable[[str], ASGIApp]) -> httpx.AsyncClient:
    """Return a client for `http(s)://…`, or for an application of this process.

    Parameters
    ----------
    url
        The base address; `inprocess://<name>` reaches an application without a socket.
    application
        Finds an application by name. It is asked when the first request is sent, so the
        application may be offered after the client is made.
    """
    if url.startswith(IN_PROCESS):
        name = url.removeprefix(IN_PROCESS)
        return httpx.AsyncClient(
            transport=_InProcess(name, application), base_url=f"http://{name}", timeout=TIMEOUT
        )
    # No proxies from the environment: these are our own services (S19).
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT, limits=LIMITS, trust_env=False)


class _InProcess(httpx.AsyncBaseTransport):
    """Answers requests by an application of this process."""

    def __init__(self, name: str, find: Callable[[str], ASGIApp]) -> None:
        self._name = name
        self._find = find
        self._transport: httpx.ASGITransport | None = None
        self._answering: set[asyncio.Task[httpx.Response]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand the request over."""
        if self._transport is None:
            self._transport = httpx.ASGITransport(
                self._find(self._name), raise_app_exceptions=False
            )
        # As over a socket: a caller that gives up does not interrupt the service half-way.
        answering = asyncio.create_task(self._transport.handle_async_request(request))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        return await asyncio.shield(answering)
