"""The life of one client consumer in a group, from joining the group to leaving it.

A group's consumer must poll often, and commits only what it still owns.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from contracts.music import Seconds
from contracts.topics import DEAD_LETTERS, Topic
from kit.bus.base import Handler, RetryLater
from kit.bus.codec import Record
from kit.bus.dead_letters import DeadLetter, pack
from kit.bus.delivery import deliver, pause
from kit.bus.kafka.clients import milliseconds, start_client, stop_client
from kit.bus.watchdog import Watch

if TYPE_CHECKING:
    from kit.bus.kafka.bus import KafkaBus

log = logging.getLogger(__name__)

BATCH = 20
"""Records that a group's member takes at a time."""
POLL_LIMIT: Seconds = 120.0
"""A member that does not poll for this long leaves the group: longer than one try may take."""
REVOKE_LIMIT: Seconds = 20.0
"""How long a rebalance waits for the record in flight: less than the broker waits for members."""


class Session(ConsumerRebalanceListener):  # type: ignore[misc]
    """The life of one client consumer in a group."""

    def __init__(self, bus: "KafkaBus", topic: Topic, group: str, handler: Handler) -> None:
        self._bus = bus
        self._topic = topic
        self._group = group
        self._handler = handler
        self._handled: dict[TopicPartition, int] = {}
        self._rebalances = 0
        """Rebalances that have begun: no further record is handed over."""
        self._generation = 0
        """Rebalances that have taken our partitions: what is handled now is not ours to commit."""
        self._working = asyncio.Lock()
        times = bus.times
        self._client = AIOKafkaConsumer(
            **bus.connection(),
            group_id=group,
            auto_offset_reset="earliest",
            session_timeout_ms=milliseconds(times.session),
            heartbeat_interval_ms=milliseconds(times.heartbeat),
            max_poll_interval_ms=milliseconds(POLL_LIMIT),
            rebalance_timeout_ms=30_000,
            # The sticky assignor keeps its state on the class: never two of it in a process.
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            isolation_level="read_uncommitted",
        )
        self._watch = Watch(self._client, times, records=BATCH)

    async def open(self) -> None:
        """Join the group."""
        self._client.subscribe([self._topic.name], listener=self)
        await start_client(self._client, self._bus.times.request + self._bus.times.session)

    async def close(self) -> None:
        """Commit what was handled and leave the group."""
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(5):
                await self._commit()
        await stop_client(self._client, 10.0)

    async def ends(self) -> dict[TopicPartition, int]:
        """Return where each partition of the topic ends now, those that hold nothing left out."""
        places = await self._bus.places(self._topic)
        async with asyncio.timeout(self._bus.times.request):
            ends: dict[TopicPartition, int] = await self._client.end_offsets(places)
            starts: dict[TopicPartition, int] = await self._client.beginning_offsets(places)
        return {place: end for place, end in ends.items() if end > starts[place]}

    async def reached(self, place: TopicPartition, end: int) -> bool:
        """Return whether the group has handled a partition up to an offset."""
        if self._handled.get(place, 0) >= end:
            return True
        return (await self._client.committed(place) or 0) >= end

    async def step(self, stopping: asyncio.Event) -> bool:
        """Poll once and handle what comes; return whether the client gave a sign of life."""
        batches = await self._watch.poll()
        rebalances, began = self._rebalances, time.monotonic()
        for place, records in batches.items():
            for record in records:
                late = time.monotonic() - began > self._bus.times.batch
                if stopping.is_set() or late or self._rebalances != rebalances:
                    # What was polled and not handled comes again: here, or where it is owned.
                    self._rewind(batches)
                    await self._commit()
                    return True
                if not await self._handle(place, record):
                    self._rewind(batches)
                    await self._commit()
                    await pause(stopping, 2.0)
                    return True
        await self._commit()
        return bool(batches) or self._watch.proven

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit what was handled before another member takes over."""
        self._rebalances += 1
        try:
            with contextlib.suppress(TimeoutError, KafkaError):
                # The record in flight is still ours: it is waited for, and committed with the rest.
                async with asyncio.timeout(REVOKE_LIMIT), self._working:
                    await self._commit()
        finally:
            self._generation += 1
            self._handled.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Positions are those the group has committed."""

    async def _handle(self, place: TopicPartition, message: Any) -> bool:
        """Deliver one record; return whether it is done with."""
        record = Record(message.key or b"", tuple(message.headers), message.value or b"")
        async with self._working:
            generation = self._generation
            try:
                reason = await deliver(self._topic, record, self._handler)
            except RetryLater as error:
                log.warning("%s cannot work at present: %s", self._group, error)
                return False
            if reason:
                dead_letter = DeadLetter(
                    *(place.topic, place.partition, message.offset, self._group, reason, record)
                )
                await self._bus.send(DEAD_LETTERS.name, pack(dead_letter))
            if generation == self._generation:
                self._handled[place] = message.offset + 1
        return True

    def _rewind(self, batches: dict[TopicPartition, list[Any]]) -> None:
        """Put each partition that is still ours back to its first record not yet handled."""
        for place, records in batches.items():
            with contextlib.suppress(IllegalStateError):
                first = records[0].offset
                self._client.seek(place, max(first, self._handled.get(place, first)))

    async def _commit(self) -> None:
        """Commit what was handled and is still ours; the rest belongs to another now."""
        owned = self._client.assignment()
        offsets = {place: end for place, end in self._handled.items() if place in owned}
        if not offsets:
            return
        try:
            await self._client.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            log.info("%s: the group has moved on: %s", self._group, error)
            return
        for place, end in offsets.items():
            if self._handled.get(place) == end:
                del self._handled[place]
