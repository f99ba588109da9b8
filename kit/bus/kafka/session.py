"""One client's membership in a consumer group, from joining to leaving.

Delivery is at-least-once. The client fetches ahead, so its position runs up to a batch beyond the
records that the handler has finished; offsets are therefore committed by hand, from `_handled`,
and never by the client itself. Whenever a batch is given up half-way, the position is moved back
(`seek`) to the first record not handled, or the client would skip the rest.

Partitions are never paused. Slow handlers are limited instead: `step` gives a batch up after
`KafkaTimes.batch` seconds, and a try that reaches `TRY_LIMIT` ends the delivery. So the member
polls within `POLL_LIMIT`, after which it would leave the group and lose its partitions.

In a rebalance aiokafka awaits `on_partitions_revoked` before it joins again. It is the last moment
at which this member may commit, so it waits for the record in flight and commits all that is
handled. If the handler takes longer than `REVOKE_LIMIT`, its partition moves on without that
commit, and the next owner handles the record a second time.
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
from kit.bus.dead_letters import pack
from kit.bus.delivery import deliver, pause
from kit.bus.kafka.clients import milliseconds, start_client, stop_client
from kit.bus.records import DeadLetterRecord, Record
from kit.bus.watchdog import Watch

if TYPE_CHECKING:
    from kit.bus.kafka.bus import KafkaBus

log = logging.getLogger(__name__)

BATCH = 20
"""Maximum records of one poll."""
POLL_LIMIT: Seconds = 120.0
"""`max.poll.interval.ms`: a member that does not poll for this long leaves the group. It is longer
than `KafkaTimes.batch` and `TRY_LIMIT` together, for a batch whose last record times out."""
REVOKE_LIMIT: Seconds = 20.0
"""How long a rebalance waits for the record in flight; less than the broker waits for members to
join again (`rebalance_timeout_ms` below)."""


class Session(ConsumerRebalanceListener):  # type: ignore[misc]
    """One client in a consumer group; used once, then closed."""

    def __init__(self, bus: "KafkaBus", topic: Topic, group: str, handler: Handler) -> None:
        self._bus = bus
        self._topic = topic
        self._group = group
        self._handler = handler
        self._handled: dict[TopicPartition, int] = {}
        """Offsets to commit: the next record of each partition after those handled."""
        self._rebalances = 0
        """Rebalances begun. When it changes during a batch, no further record is delivered."""
        self._generation = 0
        """Rebalances that took our partitions. When it changes during a delivery, that record is no
        longer ours to commit."""
        self._working = asyncio.Lock()
        """Held while a record is in flight."""
        times = bus.times
        self._client = AIOKafkaConsumer(
            **bus.connection(),
            group_id=group,
            auto_offset_reset="earliest",
            session_timeout_ms=milliseconds(times.session),
            heartbeat_interval_ms=milliseconds(times.heartbeat),
            max_poll_interval_ms=milliseconds(POLL_LIMIT),
            rebalance_timeout_ms=30_000,
            # Not the sticky assignor: it keeps its state on the class, so two consumers in one
            # process would overwrite each other's.
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            isolation_level="read_uncommitted",
        )
        self._watch = Watch(self._client, times, records=BATCH)

    async def open(self) -> None:
        """Join the group. Raises the client's error or `TimeoutError`."""
        self._client.subscribe([self._topic.name], listener=self)
        await start_client(self._client, self._bus.times.request + self._bus.times.session)

    async def close(self) -> None:
        """Commit the handled offsets and leave the group; log errors instead of raising them."""
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(5):
                await self._commit()
        await stop_client(self._client, 10.0)

    async def ends(self) -> dict[TopicPartition, int]:
        """Return the end offset of each partition that holds records."""
        places = await self._bus.places(self._topic)
        async with asyncio.timeout(self._bus.times.request):
            ends: dict[TopicPartition, int] = await self._client.end_offsets(places)
            starts: dict[TopicPartition, int] = await self._client.beginning_offsets(places)
        return {place: end for place, end in ends.items() if end > starts[place]}

    async def reached(self, place: TopicPartition, end: int) -> bool:
        """Return whether the group has handled a partition up to an offset."""
        if self._handled.get(place, 0) >= end:
            return True
        # Another member may own the partition: then only the group's commit tells.
        return (await self._client.committed(place) or 0) >= end

    async def step(self, stopping: asyncio.Event) -> bool:
        """Poll once and handle the records.

        Returns
        -------
        bool
            Whether the client is known to work: it returned records, or the broker confirmed that
            there are none.

        Raises
        ------
        Stalled, KafkaError, OSError, TimeoutError, BusError
            The client must be replaced.
        """
        batches = await self._watch.poll()
        rebalances, began = self._rebalances, time.monotonic()
        for place, records in batches.items():
            for record in records:
                late = time.monotonic() - began > self._bus.times.batch
                if stopping.is_set() or late or self._rebalances != rebalances:
                    # Stop between two records: for a shutdown, to poll again in time, or because
                    # a rebalance may have given the partition to another member. The rest of the
                    # batch is polled again by whoever owns it then.
                    self._rewind(batches)
                    await self._commit()
                    return True
                if not await self._handle(place, record):
                    # The handler asked for a retry. Later records must not overtake this one, so
                    # give up the whole batch, and keep polling: only that keeps the membership.
                    self._rewind(batches)
                    await self._commit()
                    await pause(stopping, 2.0)
                    return True
        # One commit for a batch: after a crash at most `BATCH` records are delivered twice.
        await self._commit()
        return bool(batches) or self._watch.proven

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit before another member takes over; aiokafka calls this when a rebalance begins."""
        self._rebalances += 1
        try:
            with contextlib.suppress(TimeoutError, KafkaError):
                # The record in flight is still ours: wait for it, and commit it with the rest.
                async with asyncio.timeout(REVOKE_LIMIT), self._working:
                    await self._commit()
        finally:
            # From here on a commit could move the offset of the new owner back, so forget ours.
            self._generation += 1
            self._handled.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Do nothing: the client seeks to the group's committed offsets by itself."""

    async def _handle(self, place: TopicPartition, message: Any) -> bool:
        """Deliver one record; return False if it must be delivered again later."""
        record = Record(message.key or b"", tuple(message.headers), message.value or b"")
        async with self._working:
            generation = self._generation
            try:
                reason = await deliver(self._topic, record, self._handler)
            except RetryLater as error:
                log.warning("%s cannot handle events now and retries: %s", self._group, error)
                return False
            if reason:
                # Stored before the offset is committed: a crash between the two leaves a second
                # dead letter, never none.
                dead_letter = DeadLetterRecord(
                    *(place.topic, place.partition, message.offset, self._group, reason, record)
                )
                await self._bus.send(DEAD_LETTERS.name, pack(dead_letter))
            if generation == self._generation:
                self._handled[place] = message.offset + 1
        return True

    def _rewind(self, batches: dict[TopicPartition, list[Any]]) -> None:
        """Seek each partition that is still ours back to its first record not yet handled."""
        for place, records in batches.items():
            with contextlib.suppress(IllegalStateError):  # No longer assigned to us.
                first = records[0].offset
                self._client.seek(place, max(first, self._handled.get(place, first)))

    async def _commit(self) -> None:
        """Commit the handled offsets of the partitions that are still ours."""
        owned = self._client.assignment()
        offsets = {place: end for place, end in self._handled.items() if place in owned}
        if not offsets:
            return
        try:
            await self._client.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            # A rebalance was faster. The new owner starts at the last commit and handles the
            # records since then again.
            log.info("%s: a rebalance prevented a commit: %s", self._group, error)
            return
        for place, end in offsets.items():
            # More may have been handled while the commit was under way.
            if self._handled.get(place) == end:
                del self._handled[place]
