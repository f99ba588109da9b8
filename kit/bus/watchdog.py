"""Timeouts of Kafka clients, and a watchdog that detects a stalled consumer.

After a broker restart an aiokafka consumer can keep polling without getting records, and without an
error. It differs from an idle consumer only in that its partitions have records past its positions.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class KafkaTimes:
    """Timeouts and pauses in seconds; tests use shorter ones."""

    request: float = 30.0
    session: float = 45.0
    heartbeat: float = 5.0
    poll: float = 0.5
    batch: float = 20.0
    """A member gives up a batch after this long and polls again, to stay in the group."""
    stall: float = 90.0
    """A consumer that gets no records for this long, although there are some, is replaced."""
    backoff: float = 1.0
    """First pause after a fault; it doubles up to 10 s."""
    metadata: float = 60.0


class Stalled(Exception):
    """A consumer gets no records although its partitions hold some."""


class Pollable(Protocol):
    """The methods of aiokafka's consumer that `Watch` uses."""

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[Any, list[Any]]:
        """Return fetched records by partition."""
        ...

    def assignment(self) -> Iterable[Any]:
        """Return the assigned partitions."""
        ...

    async def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        """Return the end offset of each partition."""
        ...

    async def position(self, partition: Any) -> int:
        """Return the offset of the next record to fetch."""
        ...


class Watch:
    """Polls a consumer and detects a stall."""

    def __init__(self, client: Pollable, times: KafkaTimes, *, records: int = 500) -> None:
        self._client = client
        self._times = times
        self._records = records
        self._fed = time.monotonic()
        self.proven = False
        """Whether the last poll was empty and the broker confirmed that no records wait."""

    async def poll(self) -> dict[Any, list[Any]]:
        """Poll once.

        Raises
        ------
        Stalled
            The poll did not return, or records wait that the consumer does not get.
        """
        self.proven = False
        try:
            async with asyncio.timeout(self._times.stall):
                batches: dict[Any, list[Any]] = await self._client.getmany(
                    timeout_ms=int(self._times.poll * 1000), max_records=self._records
                )
        except TimeoutError as error:
            raise Stalled("a poll did not return") from error
        now = time.monotonic()
        if batches:
            self._fed = now
        elif now - self._fed > self._times.stall:
            await self._look()
            self._fed, self.proven = now, True
        return batches

    async def _look(self) -> None:
        """Compare the consumer's positions with the ends of its partitions. Raises `Stalled`."""
        places = list(self._client.assignment())
        if not places:
            return
        async with asyncio.timeout(self._times.request):
            ends = await self._client.end_offsets(places)
            for place in places:
                if ends[place] > await self._client.position(place):
                    raise Stalled(
                        f"{place.topic} {place.partition} has records that are not fetched"
                    )
