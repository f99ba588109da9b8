"""How long a Kafka client may take for anything, and finding out when a consumer is stuck.

After a broker restart this client's consumer can go on polling and get nothing, with no error and
no public sign of it. What tells it from an idle one is that records wait which do not come.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class KafkaTimes:
    """Bounds of waiting, in seconds; tests use shorter ones."""

    request: float = 30.0
    session: float = 45.0
    heartbeat: float = 5.0
    poll: float = 0.5
    batch: float = 20.0
    """After this long with one batch the rest is polled again, so that membership is kept."""
    stall: float = 90.0
    """A consumer with records waiting and none coming for this long is made anew."""
    backoff: float = 1.0
    """First pause after a fault; it doubles up to ten seconds."""
    metadata: float = 60.0


class Stalled(Exception):
    """A consumer gives nothing although there is something."""


class Pollable(Protocol):
    """What is watched of a client's consumer."""

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[Any, list[Any]]:
        """Return the records that have come, by partition."""
        ...

    def assignment(self) -> Iterable[Any]:
        """Return the partitions that it reads."""
        ...

    async def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        """Return where partitions end."""
        ...

    async def position(self, partition: Any) -> int:
        """Return where it reads next."""
        ...


class Watch:
    """Polls a consumer, and finds out when it is stuck."""

    def __init__(self, client: Pollable, times: KafkaTimes, *, records: int = 500) -> None:
        self._client = client
        self._times = times
        self._records = records
        self._fed = time.monotonic()
        self.proven = False
        """Whether the last look found that nothing waits."""

    async def poll(self) -> dict[Any, list[Any]]:
        """Poll once.

        Raises
        ------
        Stalled
            The poll does not end, or records wait that do not come.
        """
        self.proven = False
        try:
            async with asyncio.timeout(self._times.stall):
                batches: dict[Any, list[Any]] = await self._client.getmany(
                    timeout_ms=int(self._times.poll * 1000), max_records=self._records
                )
        except TimeoutError as error:
            raise Stalled("no poll was completed") from error
        now = time.monotonic()
        if batches:
            self._fed = now
        elif now - self._fed > self._times.stall:
            await self._look()
            self._fed, self.proven = now, True
        return batches

    async def _look(self) -> None:
        """Compare the positions of a consumer that is not fed with the ends of its partitions."""
        places = list(self._client.assignment())
        if not places:
            return
        async with asyncio.timeout(self._times.request):
            ends = await self._client.end_offsets(places)
            for place in places:
                if ends[place] > await self._client.position(place):
                    raise Stalled(f"{place.topic} {place.partition} has records that do not come")
