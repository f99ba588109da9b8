"""HTTP clients of other services, in process or over the network, with a deadline per call."""

import asyncio
from collections.abc import Callable

import httpx
from starlette.types import ASGIApp, Message, Scope

from kit.http.remote import UpstreamUnavailable, remote_application

TIMEOUT = httpx.Timeout(10.0)


def build_client(url: str, *, application: Callable[[str], ASGIApp]) -> httpx.AsyncClient:
    """Return a client for `http(s)://…`, or for an application of this process.

    Parameters
    ----------
    url
        The base address; `inprocess://<name>` reaches an application without a socket.
    application
        Finds an application of this process by name, or raises `RuntimeError`. It is called when a
        request is sent, so the application may be registered after the client is created.
    """
    return httpx.AsyncClient(
        transport=_RemoteTransport(url, application),
        # Only for the Host header: the transport knows the address.
        base_url=f"http://{httpx.URL(url).netloc.decode()}",
        timeout=TIMEOUT,
        trust_env=False,
    )


class _RemoteTransport(httpx.AsyncBaseTransport):
    """Sends requests to a remote application and reads each response completely.

    `httpx.ASGITransport` takes half as much CPU time again, and has no deadline.
    """

    def __init__(self, url: str, application: Callable[[str], ASGIApp]) -> None:
        self._remote = remote_application(url, application=application)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response.

        Raises
        ------
        httpx.ReadTimeout
            The response was not complete in time.
        httpx.ConnectError
            The service is unavailable and has not seen the request.
        httpx.RemoteProtocolError
            The service failed and may have handled the request.
        """
        path, _, query = request.url.raw_path.partition(b"?")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 0),
            "server": (request.url.host, request.url.port),
        }
        exchange = _Exchange(await request.aread())
        try:
            async with asyncio.timeout(request.extensions["timeout"]["read"]):
                await self._remote(scope, exchange.receive, exchange.send)
        except TimeoutError as error:
            raise httpx.ReadTimeout(
                "the response was not complete in time", request=request
            ) from error
        except UpstreamUnavailable as error:
            kind = httpx.RemoteProtocolError if error.sent else httpx.ConnectError
            raise kind(str(error), request=request) from error
        body = httpx.ByteStream(b"".join(exchange.parts))
        return httpx.Response(exchange.status, headers=exchange.headers, stream=body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._remote.aclose()


class _Exchange:
    """One request and its response."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self._request: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._complete = asyncio.Event()

    async def receive(self) -> Message:
        """Return the request, then a disconnect once the response is complete."""
        if self._request is not None:
            request, self._request = self._request, None
            return request
        await self._complete.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Store a part of the response."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
            return
        self.parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            self._complete.set()
