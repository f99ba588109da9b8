"""uvicorn's protocol on httptools, with bounds that httptools has not.

httptools reads a head of any length, takes a trailer for a header, and stops reading after an
`Upgrade` that the server does not follow. What is refused here never becomes a request.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contracts.music import Seconds
from kit.http.connection_limits import ConnectionLimits
from kit.http.refusals import MAX_HEAD, Refusal, RefusedError

log = logging.getLogger(__name__)

STEP = 16 << 10
"""Bytes that are parsed before they are counted."""
MAX_PIPELINED = 32
"""Requests that may wait on a connection while an earlier one is answered."""
MAX_UNREAD_BODY = 1 << 20
"""Bytes of a body that are dropped once its request is answered; after that the connection ends."""
LINGER: Seconds = 1.0
"""How long a refused connection stays open, so that its sender can read why it is refused."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection, bounded in bytes and in time wherever it does not carry a body.

    Parameters
    ----------
    head_timeout
        How long a head may take, from the connection or from its first byte on.
    limits
        The connections of the server, of which this is one.
    """

    def __init__(
        self, *arguments: Any, head_timeout: Seconds, limits: ConnectionLimits, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._head_timeout = head_timeout
        self._limits = limits
        self._leave: Callable[[], None] | None = None
        self._in_head = False
        self._refusing = False
        """Whether everything that still arrives is dropped."""
        self._progressed = False
        """Whether the last step held the end of a head or a part of a body."""
        self._unparsed_bytes = 0
        """Bytes since the last progress."""
        self._unread_body = 0
        """Bytes of the current body that arrived after its request was answered."""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head, unless too many connections are open."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if self._limits.enter(address):
            self._leave = partial(self._limits.leave, address)
            self._start_deadline()
        elif self._limits.begin_refusal():
            self._leave = self._limits.end_refusal
            self._refuse(Refusal.FULL)
        else:
            self._refusing = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place of the connection."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, in steps."""
        self._unset_keepalive_if_required()
        if len(data) <= STEP:
            self._feed(data)
        else:
            for start in range(0, len(data), STEP):
                self._feed(data[start : start + STEP])
        self._start_deadline()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head = True
        self._unread_body = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. A trailer is dropped: it comes after the headers were checked."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head and begin to answer the request. Raises `RefusedError`."""
        self._in_head = False
        self._progressed = True
        self._cancel_deadline()
        if self.parser.get_method() == b"CONNECT":
            raise RefusedError(Refusal.TUNNEL)
        if self.parser.should_upgrade():
            return  # The parser stops after this head, and `_feed` goes on with another one.
        version = self.parser.get_http_version()
        hosts = [name for name, _ in self.headers if name == b"host"]
        if len(hosts) > 1 or (version == "1.1" and not hosts):
            raise RefusedError(Refusal.HOSTS)
        if version not in ("1.1", "1.0"):
            raise RefusedError(Refusal.VERSION)
        if any(k == b"transfer-encoding" and v.lower() != b"chunked" for k, v in self.headers):
            # Other codings are not decoded here; a proxy that decodes them may see another end
            # of the body, and so another next request.
            raise RefusedError(Refusal.MALFORMED)
        if len(self.pipeline) >= MAX_PIPELINED:
            raise RefusedError(Refusal.PIPELINED)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; drop it if the request is answered already."""
        self._progressed = True
        if self.cycle.response_complete:
            self._unread_body += len(body)
            if self._unread_body > MAX_UNREAD_BODY and not self._refusing:
                self._hang_up()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note the end of a request."""
        self._progressed = True
        if not self.parser.should_upgrade():
            super().on_message_complete()

    # Bytes.

    def _feed(self, data: bytes) -> None:
        if self._refusing or self.transport.is_closing():
            return
        self._progressed = False
        self._unparsed_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            self._ignore_upgrade(data[stop.args[0] :])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause.refusal if isinstance(cause, RefusedError) else Refusal.MALFORMED)
        except httptools.HttpParserError:
            self._refuse(Refusal.MALFORMED)
        if self._progressed:
            self._unparsed_bytes = 0
        elif self._unparsed_bytes > MAX_HEAD:
            self._refuse(Refusal.TOO_LARGE)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the request as if it had not asked for another protocol.

        The parser has no such mode, and reads no body of a request that asks for an upgrade. So
        the head is written again without `Upgrade`, for a new parser that also gets the rest.
        """
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                lines += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"".join((*lines, b"\r\n")))
        self._feed(rest)

    # Time.

    def _start_deadline(self) -> None:
        """Begin to wait for a head, if one is due and nothing waits for it yet."""
        idle = self.cycle is None or self.cycle.response_complete
        if self._deadline is None and not self._refusing and (self._in_head or idle):
            self._deadline = self.loop.call_later(self._head_timeout, self._head_is_late)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        self._deadline = None
        if self.flow.read_paused:
            # The head waits in the socket, because earlier requests are being answered.
            self._start_deadline()
        elif self._in_head:
            self._refuse(Refusal.SLOW)
        elif self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    # Refusals.

    def _refuse(self, refusal: Refusal) -> None:
        """Drop what still arrives; send the reason unless another request is being answered."""
        self._refusing = True
        self._cancel_deadline()
        running = self.cycle is not None and not self.cycle.response_complete
        if running and not self.cycle.more_body:
            # The requests that came before are answered, and then the connection ends.
            self.cycle.keep_alive = False
            return
        if running and (self.cycle.response_started or self.pipeline):
            self.transport.close()
            return
        if running:
            # The application learns that the rest of the body will not come.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if refusal is not Refusal.FULL:  # There may be thousands; `ConnectionLimits` logs one.
            log.info("a connection was refused: %s", refusal.value[1])
        self.transport.write(refusal.response())
        self._hang_up()

    def _hang_up(self) -> None:
        """Drop what still arrives, and end the connection after what was written is read."""
        self._refusing = True
        self._cancel_deadline()
        if self.transport.can_write_eof():
            # A sender that is still sending would lose the answer if this end closed at once.
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.close)
        else:
            self.transport.close()
