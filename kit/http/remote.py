"""Applications of other services, asked as if they were of this process: a request is passed on."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import aiohttp
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from yarl import URL

from contracts.music import Seconds

IN_PROCESS = "inprocess://"
CONNECT: Seconds = 3.0
"""How long a connection may take, waiting for a free one included."""
SILENCE: Seconds = 10.0
"""How long an answer may make us wait for its next byte."""
CONNECTIONS = 100
_PER_CONNECTION = (b"connection", b"transfer-encoding")
"""Headers of a request that describe the caller's connection; the next one has its own."""
_OURS_TO_SAY = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class UpstreamUnavailable(Exception):
    """A service does not answer; `sent` tells whether it may have heard the request."""

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


class Remote(Protocol):
    """An application that is somewhere else."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by its answer, or raise `UpstreamUnavailable`."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


def remote_application(
    url: str, *, application: Callable[[str], ASGIApp], silence: Seconds = SILENCE
) -> Remote:
    """Return the application at `http(s)://…`, or of this process at `inprocess://<name>`.

    Parameters
    ----------
    url
        The base address.
    application
        Finds an application of this process by name, when it is asked first.
    silence
        How long an answer from elsewhere may make us wait for its next byte.
    """
    if url.startswith(IN_PROCESS):
        return _Here(url.removeprefix(IN_PROCESS), application)
    return _There(url, silence)


class _Here:
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
        # As over a socket: a caller that gives up does not interrupt the service half-way.
        await asyncio.wait({answering})
        if answering.cancelled():
            raise UpstreamUnavailable("it was stopped", sent=True)
        # As over a socket: a fault after a complete answer changes nothing for the caller.
        fault = answering.exception()
        if not complete:
            raise UpstreamUnavailable("it did not answer in full", sent=True) from fault

    async def aclose(self) -> None:
        return None


class _There:
    """An application of another process."""

    def __init__(self, url: str, silence: Seconds) -> None:
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT, sock_connect=CONNECT, sock_read=silence
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
                skip_auto_headers=_OURS_TO_SAY,
                allow_redirects=False,
            ) as answer:
                begun = True
                await _pass_on(answer, send)
        except aiohttp.ConnectionTimeoutError as error:
            raise UpstreamUnavailable("it takes no connection in time", sent=False) from error
        except aiohttp.ClientConnectorError as error:
            raise UpstreamUnavailable(str(error), sent=False) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            what = "it broke off" if begun else "it did not answer"
            raise UpstreamUnavailable(
                f"{what}: {type(error).__name__}: {error}", sent=True
            ) from error

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                # Idle connections are closed by us before any server of ours does it (after 5 s).
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=2.0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                auto_decompress=False,
                # No proxies from the environment: these are our own services (S19).
                trust_env=False,
            )
        return self._opened


async def _body(receive: Receive) -> bytes:
    """Return the body, which the edge has read and bounded."""
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
