"""Forward ASGI requests to the application of another service, in this process or another."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import aiohttp
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from yarl import URL

from contracts.music import Seconds

IN_PROCESS = "inprocess://"
CONNECT_TIMEOUT: Seconds = 3.0
"""Timeout for a connection, including the wait for a free one in the pool."""
READ_TIMEOUT: Seconds = 10.0
"""Maximum time between two chunks of a response."""
CONNECTIONS = 100
"""Size of the connection pool of one service."""
_PER_CONNECTION = (b"connection", b"transfer-encoding")
"""Hop-by-hop headers of a request, which are not forwarded."""
_NO_AUTO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class UpstreamUnavailable(Exception):
    """A service did not answer.

    Parameters
    ----------
    sent
        Whether the service may have received the request, so that a retry may repeat its effect.
    """

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


class Remote(Protocol):
    """The application of another service."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request and send its response. Raises `UpstreamUnavailable`."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


def remote_application(
    url: str, *, application: Callable[[str], ASGIApp], read_timeout: Seconds = READ_TIMEOUT
) -> Remote:
    """Return the application at `http(s)://…`, or at `inprocess://<name>` in this process.

    Parameters
    ----------
    url
        The base address.
    application
        Finds an application of this process by name at each request; raises `RuntimeError` if there
        is none.
    read_timeout
        Maximum seconds between two chunks of a response of another process.
    """
    if url.startswith(IN_PROCESS):
        return _InProcessApp(url.removeprefix(IN_PROCESS), application)
    return _HttpApp(url, read_timeout)


class _InProcessApp:
    """An application of this process."""

    def __init__(self, name: str, find: Callable[[str], ASGIApp]) -> None:
        self._name = name
        self._find = find
        self._answering: set[asyncio.Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            application = self._find(self._name)
        except RuntimeError as error:
            raise UpstreamUnavailable(str(error), sent=False) from error
        complete = False

        async def watched(message: Message) -> None:
            nonlocal complete
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body")

        answering = asyncio.ensure_future(application(scope, receive, watched))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        # Shielded, as over a socket: a caller that is cancelled does not interrupt the service.
        await asyncio.wait({answering})
        if answering.cancelled():
            raise UpstreamUnavailable("the service was stopped", sent=True)
        # As over a socket, an exception after a complete response does not concern the caller.
        fault = answering.exception()
        if not complete:
            raise UpstreamUnavailable("the response is incomplete", sent=True) from fault

    async def aclose(self) -> None:
        return None


class _HttpApp:
    """An application of another process."""

    def __init__(self, url: str, read_timeout: Seconds) -> None:
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            connect=CONNECT_TIMEOUT,
            sock_connect=CONNECT_TIMEOUT,
            sock_read=read_timeout,
        )
        self._url = url.rstrip("/")
        self._opened: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = scope["raw_path"].decode("ascii")
        if query := scope["query_string"]:
            target += "?" + query.decode("latin-1")
        begun = False
        try:
            async with self._session().request(
                scope["method"],
                URL(self._url + target, encoded=True),
                headers=[
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in scope["headers"]
                    if name not in _PER_CONNECTION
                ],
                data=await _body(receive) or None,
                skip_auto_headers=_NO_AUTO_HEADERS,
                allow_redirects=False,
            ) as answer:
                begun = True
                await _pass_on(answer, send)
        except aiohttp.ConnectionTimeoutError as error:
            raise UpstreamUnavailable("connecting timed out", sent=False) from error
        except aiohttp.ClientConnectorError as error:
            raise UpstreamUnavailable(str(error), sent=False) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            what = "the response broke off" if begun else "no response"
            raise UpstreamUnavailable(
                f"{what}: {type(error).__name__}: {error}", sent=True
            ) from error

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                # Shorter than the 5 s after which our servers close idle connections, or a request
                # could be sent on a connection that is just being closed.
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=2.0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                auto_decompress=False,
                # Ignore proxies in the environment: these are internal services (S19).
                trust_env=False,
            )
        return self._opened


async def _body(receive: Receive) -> bytes:
    """Return the whole body; `RequestGuard` limits its size."""
    chunks: list[bytes] = []
    while True:
        message: Message = await receive()
        chunks.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return b"".join(chunks)


async def _pass_on(answer: aiohttp.ClientResponse, send: Send) -> None:
    head = [(name.lower(), value) for name, value in answer.raw_headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": head})
    content = answer.content
    more = True
    while more:
        chunk = await content.readany()
        more = not content.at_eof()
        await send({"type": "http.response.body", "body": chunk, "more_body": more})
