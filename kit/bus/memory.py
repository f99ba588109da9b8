"""The bus inside one process: the port's guarantees without durability.

A record stays until every group of its topic has acknowledged it, and for at least `KEPT` further
records, so that a slow `tail` misses nothing. The job table is the durable queue: when the process
dies, no work is lost with its records.
"""

import asyncio
import logging
import zlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from contracts.topics import DEAD_LETTERS, Topic
from kit.bus.base import AnyEvent, BusError, DecodeError, Handler, RetryLater
from kit.bus.codec import decode, encode
from kit.bus.dead_letters import pack, parse_id, parse_record
from kit.bus.delivery import deliver, pause
from kit.bus.records import DeadLetterRecord, Record

log = logging.getLogger(__name__)

KEPT = 5_000
"""Minimum records that a partition keeps for readers without a group."""
AGAIN = 0.5
"""Seconds before an event is delivered again after `RetryLater`."""


@dataclass(slots=True)
class _Partition:
    """A log of records; `first` is the offset of the oldest one still kept."""

    records: deque[Record] = field(default_factory=deque)
    first: int = 0
    acknowledged: dict[str, int] = field(default_factory=dict)
    """By group, the offset of the next record to handle."""
    held: dict[str, "MemoryConsumer"] = field(default_factory=dict)
    """By group, the member that is handling a record of this partition."""

    @property
    def end(self) -> int:
        """The offset that the next record will have."""
        return self.first + len(self.records)

    def trim(self) -> None:
        """Drop the oldest records that every group has acknowledged, down to `KEPT`."""
        needed = min((self.end, *self.acknowledged.values()))
        while len(self.records) > KEPT and self.first < needed:
            self.records.popleft()
            self.first += 1


class MemoryBus:
    """A bus for the services of one process; see `Bus`."""

    members = 3

    def __init__(self) -> None:
        self._topics: dict[str, list[_Partition]] = {}
        self._moved: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._open = False

    async def start(self) -> None:
        """Accept events from now on."""
        self._open = True

    async def close(self) -> None:
        """Refuse further events and end all readers."""
        self._open = False
        for name in self._topics:
            self._wake(name)

    async def ready(self) -> bool:
        """Return whether the bus accepts events."""
        return self._open

    async def ensure(self, topics: Iterable[Topic]) -> None:
        """Create the topics that do not exist."""
        for topic in topics:
            self.partitions(topic.name, topic.partitions)

    async def publish(self, topic: Topic, event: AnyEvent, *, key: str) -> None:
        """Append an event to its topic."""
        self.append(topic.name, encode(topic, event, key=key))

    def append(self, name: str, record: Record) -> None:
        """Append a record unchanged. Raises `BusError` if the bus is closed or lacks the topic."""
        if not self._open:
            raise BusError("the bus is closed")
        if name not in self._topics:
            raise BusError(f"there is no topic {name}: create it with `ensure`")
        partitions = self._topics[name]
        partition = partitions[zlib.crc32(record.key) % len(partitions)]
        partition.records.append(record)
        partition.trim()
        self._wake(name)

    async def send(self, name: str, record: Record) -> None:
        """Append a record unchanged. Raises `BusError`."""
        self.append(name, record)

    async def latest_dead_letters(self, limit: int) -> tuple[DeadLetterRecord, ...]:
        """Return the last `limit` kept dead letters of each partition."""
        partitions = self._topics.get(DEAD_LETTERS.name, ())
        dead_letters = [
            self._dead_letter(number, offset)
            for number, partition in enumerate(partitions)
            for offset in range(max(partition.first, partition.end - limit), partition.end)
        ]
        return tuple(stored for stored in dead_letters if stored is not None)

    async def dead_letter(self, id_: str) -> DeadLetterRecord | None:
        """Return a kept dead letter by its id."""
        place, partitions = parse_id(id_), self._topics.get(DEAD_LETTERS.name, ())
        if place is None or place[0] >= len(partitions):
            return None
        number, offset = place
        partition = partitions[number]
        return (
            self._dead_letter(number, offset) if partition.first <= offset < partition.end else None
        )

    def _dead_letter(self, number: int, offset: int) -> DeadLetterRecord | None:
        partition = self._topics[DEAD_LETTERS.name][number]
        record = partition.records[offset - partition.first]
        return parse_record(record, topic=DEAD_LETTERS.name, partition=number, offset=offset)

    def records(self, name: str) -> tuple[Record, ...]:
        """Return the kept records of a topic, partition after partition."""
        partitions = self._topics.get(name, ())
        return tuple(record for partition in partitions for record in partition.records)

    def consumer(self, topic: Topic, *, group: str, handler: Handler) -> "MemoryConsumer":
        """Return a member of `group` that delivers events to `handler` when run."""
        return MemoryConsumer(self, topic, group=group, handler=handler)

    def tail(self, topic: Topic) -> AsyncIterator[AnyEvent | None]:
        """Yield every event published from now on; `None` for a record that cannot be decoded."""
        partitions = self.partitions(topic.name, topic.partitions)
        return self._read(topic, partitions, [partition.end for partition in partitions])

    async def _read(
        self, topic: Topic, partitions: list[_Partition], positions: list[int]
    ) -> AsyncIterator[AnyEvent | None]:
        while self._open:
            moved = self._moved[topic.name]
            for number, partition in enumerate(partitions):
                positions[number] = max(positions[number], partition.first)
                while positions[number] < partition.end:
                    record = partition.records[positions[number] - partition.first]
                    positions[number] += 1
                    try:
                        event = decode(topic, record.headers, record.value)
                    except DecodeError:
                        yield None
                    else:
                        yield event
                    positions[number] = max(positions[number], partition.first)
            if not moved.is_set():
                await moved.wait()

    def partitions(self, name: str, count: int) -> list[_Partition]:
        """Return a topic's partitions; create `count` of them for a new topic."""
        return self._topics.setdefault(name, [_Partition() for _ in range(count)])

    async def wait(self, name: str, moved: asyncio.Event, stopping: asyncio.Event) -> None:
        """Wait until `moved` is set, by the next change of a topic, or `stopping` is."""
        waits = {asyncio.create_task(moved.wait()), asyncio.create_task(stopping.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    def moved(self, name: str) -> asyncio.Event:
        """Return the event that the next change of a topic sets."""
        return self._moved[name]

    def changed(self, name: str) -> None:
        """Wake every reader and consumer that waits for a topic."""
        self._wake(name)

    def _wake(self, name: str) -> None:
        self._moved.pop(name, asyncio.Event()).set()


class MemoryConsumer:
    """A group member: handles the oldest record of any partition that no other member holds.

    A member holds a partition while it handles one of its records. That gives the same order and
    the same single delivery as a broker that assigns each partition to one member.
    """

    def __init__(self, bus: MemoryBus, topic: Topic, *, group: str, handler: Handler) -> None:
        self.caught_up = asyncio.Event()
        self._bus = bus
        self._topic = topic
        self._group = group
        self._handler = handler

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver each event to the handler and acknowledge it, until `stopping` is set."""
        partitions = self._bus.partitions(self._topic.name, self._topic.partitions)
        for partition in partitions:
            partition.acknowledged.setdefault(self._group, partition.first)
        ends = [partition.end for partition in partitions]
        while not stopping.is_set():
            moved = self._bus.moved(self._topic.name)
            if all(
                partition.acknowledged[self._group] >= end
                for partition, end in zip(partitions, ends, strict=True)
            ):
                self.caught_up.set()
            waiting = next((part for part in partitions if self._waits(part)), None)
            if waiting is None:
                await self._bus.wait(self._topic.name, moved, stopping)
                continue
            waiting.held[self._group] = self
            try:
                again = await self._handle(waiting, partitions.index(waiting))
            finally:
                del waiting.held[self._group]
                waiting.trim()
                self._bus.changed(self._topic.name)
            if again:
                await pause(stopping, AGAIN)

    def _waits(self, partition: _Partition) -> bool:
        return (
            self._group not in partition.held
            and partition.acknowledged[self._group] < partition.end
        )

    async def _handle(self, partition: _Partition, number: int) -> bool:
        """Deliver the next record and acknowledge it; return whether it must be delivered again."""
        offset = partition.acknowledged[self._group]
        record = partition.records[offset - partition.first]
        try:
            reason = await deliver(self._topic, record, self._handler)
        except RetryLater as error:
            log.warning("%s cannot handle events now and retries: %s", self._group, error)
            return True
        if reason:
            dead_letter = DeadLetterRecord(
                self._topic.name, number, offset, self._group, reason, record
            )
            self._bus.partitions(DEAD_LETTERS.name, DEAD_LETTERS.partitions)
            self._bus.append(DEAD_LETTERS.name, pack(dead_letter))
        partition.acknowledged[self._group] = offset + 1
        return False
