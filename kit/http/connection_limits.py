"""Limit open connections in total and per address, so that one caller cannot take all."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import ip_network

from prometheus_client import Counter as Metric

from contracts.music import Seconds
from kit.http.addresses import source_of, within
from kit.process import descriptors

log = logging.getLogger(__name__)

RESERVE = 256
"""File descriptors reserved for databases, the store, the bus and workers."""
EACH = 2
"""File descriptors per connection: the socket, and a file that it uploads or downloads."""
MAX_REFUSALS = 64
"""Refused connections that may be answered at one time; further ones are aborted."""
WARN_EVERY: Seconds = 60.0
"""Minimum seconds between two log lines about refused connections."""
REFUSED = Metric(
    "http_connections_refused_total", "Connections refused because of a limit.", ("why",)
)


class ConnectionLimits:
    """Counts a server's connections and decides which to accept.

    Parameters
    ----------
    max_connections
        Maximum open connections; fewer if the process may not open as many files.
    by_address
        Maximum connections of one address, capped at half of all; `None` is no limit. An IPv6 /64
        network, which is what one customer gets, counts as one address.
    unbounded
        Networks exempt from `by_address`: trusted proxies, whose connections serve many callers.
    available
        Returns the number of file descriptors that the process may open.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        by_address: int | None = None,
        unbounded: Sequence[str] = (),
        available: Callable[[], int] = descriptors,
    ) -> None:
        self.max_connections = max(1, min(max_connections, (available() - RESERVE) // EACH))
        half = self.max_connections // 2
        self.by_address = None if by_address is None else max(1, min(by_address, half))
        self._unbounded = tuple(ip_network(network) for network in unbounded)
        self._from: Counter[str] = Counter()
        self._size = 0
        self._refusals = 0
        self._warned = -WARN_EVERY

    def enter(self, address: str) -> bool:
        """Count a new connection; return False if a limit refuses it."""
        source = source_of(address)
        too_many = self.by_address is not None and self._from[source] >= self.by_address
        if self._size >= self.max_connections:
            self._refuse("all", f"{self.max_connections} connections are open")
        elif too_many and not within(address, self._unbounded):
            self._refuse("address", f"{self.by_address} connections are open from {source}")
        else:
            self._size += 1
            self._from[source] += 1
            return True
        return False

    def leave(self, address: str) -> None:
        """Release a connection that `enter` accepted."""
        source = source_of(address)
        self._size -= 1
        self._from[source] -= 1
        if not self._from[source]:
            del self._from[source]

    def begin_refusal(self) -> bool:
        """Return whether a refused connection may stay open for its answer; count it if so."""
        if self._refusals >= MAX_REFUSALS:
            return False
        self._refusals += 1
        return True

    def end_refusal(self) -> None:
        """Release a connection that `begin_refusal` let stay."""
        self._refusals -= 1

    def _refuse(self, why: str, detail: str) -> None:
        REFUSED.labels(why=why).inc()
        if time.monotonic() - self._warned >= WARN_EVERY:
            self._warned = time.monotonic()
            log.warning("new connections are refused: %s", detail)
