"""How many connections are taken, in all and from one address, so that others find a place."""

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
"""Descriptors that connections leave to databases, the store, the bus and workers."""
EACH = 2
"""Descriptors of one connection: its own, and that of the file that it sends or fetches."""
FAREWELLS = 64
"""Refused connections that may hear why at one time; more are ended without a word."""
TELL_AGAIN: Seconds = 60.0
"""How often the log says that connections are refused."""
REFUSED = Metric("http_connections_refused_total", "Connections that found no place.", ("why",))


class ConnectionLimits:
    """The connections of a server.

    Parameters
    ----------
    most
        Connections at once; fewer where the process may not have so many files open.
    by_address
        Of those, from one address, and never more than half; `None` is no bound. The addresses of
        one network of IPv6 (/64), which is what one customer is given, count as one.
    unbounded
        Networks whose addresses stand for many callers: our proxies. Only `most` holds for them.
    """

    def __init__(
        self,
        *,
        most: int,
        by_address: int | None = None,
        unbounded: Sequence[str] = (),
        available: Callable[[], int] = descriptors,
    ) -> None:
        self.most = max(1, min(most, (available() - RESERVE) // EACH))
        self.by_address = None if by_address is None else max(1, min(by_address, self.most // 2))
        self._unbounded = tuple(ip_network(one) for one in unbounded)
        self._from: Counter[str] = Counter()
        self._size = 0
        self._leaving = 0
        self._told = -TELL_AGAIN

    def enter(self, address: str) -> bool:
        """Take a connection from an address, or return that there is no place for it."""
        source = source_of(address)
        crowded = self.by_address is not None and self._from[source] >= self.by_address
        if self._size >= self.most:
            self._tell("all", f"{self.most} connections are open")
        elif crowded and not within(address, self._unbounded):
            self._tell("address", f"{self.by_address} connections are open from {source}")
        else:
            self._size += 1
            self._from[source] += 1
            return True
        return False

    def leave(self, address: str) -> None:
        """Note the end of a connection that was taken."""
        source = source_of(address)
        self._size -= 1
        self._from[source] -= 1
        if not self._from[source]:
            del self._from[source]

    def may_hear_why(self) -> bool:
        """Return whether one more refused connection may stay until it has read why."""
        if self._leaving >= FAREWELLS:
            return False
        self._leaving += 1
        return True

    def has_heard(self) -> None:
        """Note the end of a connection that was refused, and told why."""
        self._leaving -= 1

    def _tell(self, why: str, detail: str) -> None:
        REFUSED.labels(why=why).inc()
        if time.monotonic() - self._told >= TELL_AGAIN:
            self._told = time.monotonic()
            log.warning("new connections are refused: %s", detail)
