"""The server of every HTTP service: uvicorn with a protocol whose connections are bounded."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from contracts.music import Seconds
from kit.http.bounded_protocol import BoundedProtocol
from kit.http.connection_limits import ConnectionLimits
from kit.process import StartRefused

HEAD_TIMEOUT: Seconds = 20.0
"""How long the head of a request may take, from the connection or from its first byte on."""
CONNECTIONS = 4_000
"""Connections that a server accepts at once; fewer if its process may open fewer files."""
BACKLOG = 2_048
"""Connections that the kernel holds until they are accepted."""


class Server(uvicorn.Server):
    """A server that handles no signals: set `should_exit` to stop it.

    It then accepts no more connections, closes idle ones, and waits up to 10 s for the requests
    that are being answered.

    Parameters
    ----------
    application
        Answers the requests; lifespan events are not sent.
    host
        The address to listen on.
    port
        The port to listen on.
    head_timeout
        How long the head of a request may take.
    limits
        How many connections may be open.
    """

    def __init__(
        self,
        application: ASGIApp,
        host: str,
        port: int,
        *,
        head_timeout: Seconds = HEAD_TIMEOUT,
        limits: ConnectionLimits | None = None,
    ) -> None:
        limits = limits or ConnectionLimits(max_connections=CONNECTIONS)
        protocol: Any = partial(BoundedProtocol, head_timeout=head_timeout, limits=limits)
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
                proxy_headers=False,  # The gateway's settings say which proxies to trust (S14).
                timeout_graceful_shutdown=10,
                # The log's context of one request must not reach the next one.
                reset_contextvars=True,
            )
        )

    def bind(self) -> None:
        """Listen on the port; connections wait until `serve`.

        Raises
        ------
        StartRefused
            The port is in use, or this process may not listen on it.
        """
        host, port = self.config.host, self.config.port
        try:
            infos = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, address in dict.fromkeys((info[0], info[4]) for info in infos):
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
        """Serve until `should_exit` is set. Raises `StartRefused` if `bind` does."""
        if not self._bound:
            self.bind()
        bound, self._bound = self._bound, []
        await super().serve(bound)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: they belong to the process, which may run several servers."""
        yield
