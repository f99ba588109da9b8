"""The server of every HTTP service: uvicorn on httptools, with bounds that httptools has not.

httptools reads a head of any length, takes a trailer for a header, and does not go on after an
`Upgrade` that nobody takes up. What is refused here never becomes a request.
"""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contracts.music import Seconds
from contracts.problems import Problem, ProblemCode
from kit.http.connection_limits import ConnectionLimits
from kit.http.errors import MEDIA_TYPE
from kit.http.request_guard import SECURITY
from kit.process import StartRefused

log = logging.getLogger(__name__)

MAX_HEAD = 32 << 10
"""Bytes of a head, of trailers, or of anything else that is no body; a step more may pass."""
STEP = 16 << 10
"""Bytes that are parsed before they are counted."""
HEAD_WITHIN: Seconds = 20.0
"""How long a head may take, from the connection or from its first byte on."""
PIPELINED = 32
"""Requests that may wait on a connection behind the one that is being answered."""
UNREAD = 1 << 20
"""Bytes of a body that are passed over once its request is answered; then the connection ends."""
LINGER: Seconds = 1.0
"""How long a refused sender is heard out, so that it can read the refusal."""
CONNECTIONS = 4_000
"""Connections that a server takes at once, where its process may have so many."""
BACKLOG = 2_048
"""Connections that wait to be taken."""


class _Why(Enum):
    MALFORMED = HTTPStatus.BAD_REQUEST, "This is not a request of HTTP/1.1."
    TUNNEL = HTTPStatus.BAD_REQUEST, "This server makes no tunnels."
    HOSTS = HTTPStatus.BAD_REQUEST, "A request has one Host header, no more and no less."
    LATE = HTTPStatus.REQUEST_TIMEOUT, "The head of the request did not arrive in time."
    CROWDED = HTTPStatus.TOO_MANY_REQUESTS, "Too many requests wait in line on this connection."
    TOO_LARGE = (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"The head of a request has at most {MAX_HEAD >> 10} KiB.",
    )
    FULL = (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many connections are open, in all or from this address; try again in a moment.",
    )
    VERSION = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "Only HTTP/1.1 and 1.0 are spoken here."


_CODES = {
    _Why.TOO_LARGE: ProblemCode.TOO_LARGE,
    _Why.CROWDED: ProblemCode.TOO_MANY_REQUESTS,
    _Why.FULL: ProblemCode.UNAVAILABLE,
}


class _Refusal(Exception):
    def __init__(self, why: _Why) -> None:
        super().__init__(why)
        self.why = why


class BoundedProtocol(HttpToolsProtocol):
    """One connection: what is no body is bounded in bytes and in time."""

    def __init__(
        self, *arguments: Any, head_within: Seconds, limits: ConnectionLimits, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._head_within = head_within
        self._limits = limits
        self._leave: Callable[[], None] | None = None
        self._in_head = False
        self._moved = False
        self._unsettled = 0
        self._unread = 0
        self._deaf = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head, if there is a place."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if self._limits.enter(address):
            self._leave = partial(self._limits.leave, address)
            self._expect_head()
        elif self._limits.begin_refusal():
            self._leave = self._limits.end_refusal
            self._refuse(_Why.FULL)
        else:
            self._deaf = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        self._end_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came, in steps."""
        self._unset_keepalive_if_required()
        if len(data) <= STEP:
            self._feed(data)
        else:
            for at in range(0, len(data), STEP):
                self._feed(data[at : at + STEP])
        self._expect_head()

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head = True
        self._unread = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is dropped, for it comes after headers were looked at."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._in_head = False
        self._moved = True
        self._end_deadline()
        if self.parser.get_method() == b"CONNECT":
            raise _Refusal(_Why.TUNNEL)
        if self.parser.should_upgrade():
            return
        version = self.parser.get_http_version()
        hosts = [name for name, _ in self.headers if name == b"host"]
        if len(hosts) > 1 or (version == "1.1" and not hosts):
            raise _Refusal(_Why.HOSTS)
        if version not in ("1.1", "1.0"):
            raise _Refusal(_Why.VERSION)
        if any(k == b"transfer-encoding" and v.lower() != b"chunked" for k, v in self.headers):
            # Another coding is not undone here, and others may see another end of the body.
            raise _Refusal(_Why.MALFORMED)
        if len(self.pipeline) >= PIPELINED:
            raise _Refusal(_Why.CROWDED)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._moved = True
        if self.cycle.response_complete:
            self._unread += len(body)
            if self._unread > UNREAD and not self._deaf:
                self._hang_up()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request is whole."""
        self._moved = True
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        if self._deaf or self.transport.is_closing():
            return
        self._moved = False
        self._unsettled += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            self._go_on_without_upgrade(data[stop.args[0] :])
        except httptools.HttpParserCallbackError as error:
            ours = error.__context__
            self._refuse(ours.why if isinstance(ours, _Refusal) else _Why.MALFORMED)
        except httptools.HttpParserError:
            self._refuse(_Why.MALFORMED)
        if self._moved:
            self._unsettled = 0
        elif self._unsettled > MAX_HEAD:
            self._refuse(_Why.TOO_LARGE)

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read the request as if it had not asked for another protocol: we speak no other."""
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                lines += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"".join((*lines, b"\r\n")))
        self._feed(rest)

    def _expect_head(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if self._deadline is None and not self._deaf and (self._in_head or idle):
            self._deadline = self.loop.call_later(self._head_within, self._late)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self.flow.read_paused:
            # It is we who do not read, until the request before is answered.
            self._expect_head()
        elif self._in_head:
            self._refuse(_Why.LATE)
        elif self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _refuse(self, why: _Why) -> None:
        """Hear no more, and say why if that does not fall into the answer of another request."""
        self._deaf = True
        self._end_deadline()
        running = self.cycle is not None and not self.cycle.response_complete
        if running and not self.cycle.more_body:
            # What came before is answered, and then the connection ends.
            self.cycle.keep_alive = False
            return
        if running and (self.cycle.response_started or self.pipeline):
            self.transport.close()
            return
        if running:
            # Its application is told that the rest will not come.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if why is not _Why.FULL:  # Of which there may be thousands; the crowd says it once.
            log.info("a connection was refused: %s", why.value[1])
        self.transport.write(_written(why))
        self._hang_up()

    def _hang_up(self) -> None:
        """Hear no more, and end the connection so that what was written is read."""
        self._deaf = True
        self._end_deadline()
        if self.transport.can_write_eof():
            # Who is still sending would lose our answer, were the connection closed at once.
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.close)
        else:
            self.transport.close()


def _written(why: _Why) -> bytes:
    status, detail = why.value
    code = _CODES.get(why, ProblemCode.INVALID_REQUEST)
    problem = Problem(
        type=f"urn:cratedig:problem:{code}",
        title=status.phrase,
        status=status,
        detail=detail,
        code=code,
        retryable=code.retryable,
        trace=secrets.token_hex(16),
        fields=(),
    )
    body = problem.model_dump_json().encode()
    head = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Cache-Control": "no-store",
        "X-Request-Id": problem.trace,
        **({"Retry-After": "5"} if why is _Why.FULL else {}),
        **SECURITY,
    }
    lines = [f"HTTP/1.1 {status} {status.phrase}", *(f"{k}: {v}" for k, v in head.items())]
    return "\r\n".join((*lines, "", "")).encode() + body


class Server(uvicorn.Server):
    """A server that leaves signals to whoever starts it."""

    def __init__(
        self,
        application: ASGIApp,
        host: str,
        port: int,
        *,
        head_within: Seconds = HEAD_WITHIN,
        limits: ConnectionLimits | None = None,
    ) -> None:
        limits = limits or ConnectionLimits(max_connections=CONNECTIONS)
        protocol: Any = partial(BoundedProtocol, head_within=head_within, limits=limits)
        self._bound: list[socket.socket] = []
        super().__init__(
            uvicorn.Config(
                application,
                host=host,
                port=port,
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                proxy_headers=False,  # Whom to believe is the gateway's setting (S14).
                timeout_graceful_shutdown=10,
                # What one request tells the log must not be said of the next one.
                reset_contextvars=True,
            )
        )

    def bind(self) -> None:
        """Take the port; who connects waits until `serve`.

        Raises
        ------
        StartRefused
            It is taken, or not ours to take.
        """
        host, port = self.config.host, self.config.port
        try:
            found = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, address in dict.fromkeys((one[0], one[4]) for one in found):
                self._bound.append(socket.create_server(address, family=family, backlog=BACKLOG))
        except OSError as error:
            self.release()
            raise StartRefused(
                f"cannot listen on {host}, port {port}: {error.strerror or error}. "
                "Stop what listens there, or set another host or port."
            ) from error

    def release(self) -> None:
        """Give the port back, if it was never served."""
        while self._bound:
            self._bound.pop().close()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to exit. Raises `StartRefused` where the port cannot be had."""
        if not self._bound:
            self.bind()
        bound, self._bound = self._bound, []
        await self._serve(bound)
