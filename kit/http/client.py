"""Clients of other services: every call has a deadline and a bounded pool."""

import asyncio
from collections.abc import Callable

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from starlette.types import ASGIApp, Message, Scope

IN_PROCESS = "inprocess://"
TIMEOUT = httpx.Timeout(10.0, connect=3.0, pool=3.0)
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=50, keepalive_expiry=2.0)
"""Idle connections are closed by us before any server of ours does it (after 5 s)."""


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
    transport = _Aiohttp(limits=LIMITS, trust_env=False)
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT, transport=transport, trust_env=False)


class _Aiohttp(AiohttpTransport):
    """aiohttp below httpx: a fifth of the time of httpx's own way, when many ask at once."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; what was sent and lost is told apart from what was never sent."""
        try:
            return await super().handle_async_request(request)
        except httpx.ConnectTimeout as error:
            # The transport calls everything that befalls a connection a timeout.
            if isinstance(error.__cause__, aiohttp.ClientConnectorError):
                raise httpx.ConnectError(str(error), request=request) from error
            raise httpx.RemoteProtocolError(str(error), request=request) from error


class _InProcess(httpx.AsyncBaseTransport):
    """Answers requests by an application of this process."""

    def __init__(self, name: str, find: Callable[[str], ASGIApp]) -> None:
        self._name = name
        self._find = find
        self._answering: set[asyncio.Future[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand the request over; as with a server, a fault of the application is a 500."""
        body = await request.aread()
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.split(b"?", 1)[0],
            "query_string": request.url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 0),
            "server": (request.url.host, request.url.port),
        }
        exchange = _Exchange(body)
        application = self._find(self._name)
        answering = asyncio.ensure_future(application(scope, exchange.receive, exchange.send))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        # As over a socket: a caller that gives up does not interrupt the service half-way.
        await asyncio.wait({answering})
        if answering.cancelled() or answering.exception() is not None:
            exchange.fail()
        return exchange.response()


class _Exchange:
    """One request and its answer."""

    def __init__(self, body: bytes) -> None:
        self._request: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._ended = asyncio.Event()
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []

    async def receive(self) -> Message:
        """Give the request, then wait for the end of the answer."""
        if self._request is not None:
            request, self._request = self._request, None
            return request
        await self._ended.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._ended.set()

    def fail(self) -> None:
        """Make the answer a plain 500, unless it was complete."""
        if not self._ended.is_set():
            self._status, self._headers, self._parts = 500, [], []

    def response(self) -> httpx.Response:
        """Return the answer."""
        body = httpx.ByteStream(b"".join(self._parts))
        return httpx.Response(self._status, headers=self._headers, stream=body)
