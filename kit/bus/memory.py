"""The bus inside one process: the port's promises, without durability.

Records live until every group that reads their topic has acknowledged them; where no group
waits, the last `KEPT` of each partition stay for readers that lag. The durable queue is the job
table, so nothing of worth is lost with the process.
"""

import asyncio
import logging
import zlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from contracts.topics import DEAD_LETTERS, Topic
from kit.bus.base import AnyEvent, BusError, DecodeError, Handler, RetryLater
from kit.bus.codec import Record, decode, encode
from kit.bus.dead_letters import DeadLetter, pack
from kit.bus.delivery import deliver, pause

log = logging.getLogger(__name__)

KEPT = 5_000
"""Records of a partition that stay for readers without a group."""
AGAIN = 0.5
"""Seconds before an event is handed over again to a handler that could not work."""


@dataclass(slots=True)
class _Partition:
    """A log of records; `first` is the offset of the oldest one that is still there."""

    records: deque[Record] = field(default_factory=deque)
    first: int = 0
    acknowledged: dict[str, int] = field(default_factory=dict)
    """By group, the offset of the next record to handle."""
    held: dict[str, "MemoryConsumer"] = field(default_factory=dict)
    """By group, the member that handles a record of this partition now."""

    @property
    def end(self) -> int:
        """The offset that the next record will have."""
        return self.first + len(self.records)

    def trim(self) -> None:
        """Forget what nobody waits for."""
        needed = min((self.end, *self.acknowledged.values()))
        while len(self.records) > KEPT and self.first < needed:
            self.records.popleft()
            self.first += 1


class MemoryBus:
    """A bus for the services of one process."""

    members = 3

    def __init__(self) -> None:
        self._topics: dict[str, list[_Partition]] = {}
        self._moved: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._open = False

    async def start(self) -> None:
        """Take events from now on."""
        self._open = True

    async def close(self) -> None:
        """Take no more events; readers end."""
        self._open = False
        for name in self._topics:
            self._wake(name)

    async def ready(self) -> bool:
        """Return whether the bus takes events."""
        return self._open

    async def ensure(self, topics: Iterable[Topic]) -> None:
        """Create the topics that do not exist."""
        for topic in topics:
            self.partitions(topic.name, topic.partitions)

    async def publish(self, topic: Topic, event: AnyEvent, *, key: str) -> None:
        """Append an event to its topic."""
        self.append(topic.name, encode(topic, event, key=key))

    def append(self, name: str, record: Record) -> None:
        """Append a record as it is; `publish` is this with an event."""
        if not self._open:
            raise BusError("the bus is closed")
        if name not in self._topics:
            raise BusError(f"there is no topic {name}: create it first")
        partitions = self._topics[name]
        partition = partitions[zlib.crc32(record.key) % len(partitions)]
        partition.records.append(record)
        partition.trim()
        self._wake(name)

    def records(self, name: str) -> tuple[Record, ...]:
        """Return what a topic holds, partition after partition."""
        return tuple(one for partition in self._topics.get(name, ()) for one in partition.records)

    def consumer(self, topic: Topic, *, group: str, handler: Handler) -> "MemoryConsumer":
        """Return a member of `group` that will hand events to `handler` when run."""
        return MemoryConsumer(self, topic, group=group, handler=handler)

    def tail(self, topic: Topic) -> AsyncIterator[AnyEvent | None]:
        """Yield what is published from now on; `None` for a record that cannot be read."""
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
        """Return a topic's partitions, made when they are not there."""
        return self._topics.setdefault(name, [_Partition() for _ in range(count)])

    async def wait(self, name: str, moved: asyncio.Event, stopping: asyncio.Event) -> None:
        """Wait until a topic has changed since `moved` was taken, or `stopping` is set."""
        waits = {asyncio.create_task(moved.wait()), asyncio.create_task(stopping.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def moved(self, name: str) -> asyncio.Event:
        """Return what is set at the next change of a topic."""
        return self._moved[name]

    def changed(self, name: str) -> None:
        """Tell everyone who waits for a topic that it changed."""
        self._wake(name)

    def _wake(self, name: str) -> None:
        self._moved.pop(name, asyncio.Event()).set()


class MemoryConsumer:
    """One member of a group: takes the oldest record of any partition that no other member holds.

    A partition is held while one of its records is handled, so order and single delivery are
    those of a broker that gives each partition to one member.
    """

    def __init__(self, bus: MemoryBus, topic: Topic, *, group: str, handler: Handler) -> None:
        self.caught_up = asyncio.Event()
        self._bus = bus
        self._topic = topic
        self._group = group
        self._handler = handler

    async def run(self, stopping: asyncio.Event) -> None:
        """Hand each event to the handler and acknowledge it, until `stopping` is set."""
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
            found = next((one for one in partitions if self._waits(one)), None)
            if found is None:
                await self._bus.wait(self._topic.name, moved, stopping)
                continue
            found.held[self._group] = self
            try:
                again = await self._handle(found, partitions.index(found))
            finally:
                del found.held[self._group]
                found.trim()
                self._bus.changed(self._topic.name)
            if again:
                await pause(stopping, AGAIN)

    def _waits(self, partition: _Partition) -> bool:
        return (
            self._group not in partition.held
            and partition.acknowledged[self._group] < partition.end
        )

    async def _handle(self, partition: _Partition, number: int) -> bool:
        """Hand over the next record and acknowledge it; return whether to do so again."""
        offset = partition.acknowledged[self._group]
        record = partition.records[offset - partition.first]
        try:
            reason = await deliver(self._topic, record, self._handler)
        except RetryLater as error:
            log.warning("%s cannot work at present: %s", self._group, error)
            return True
        if reason:
            dead_letter = DeadLetter(self._topic.name, number, offset, self._group, reason, record)
            self._bus.partitions(DEAD_LETTERS.name, DEAD_LETTERS.partitions)
            self._bus.append(DEAD_LETTERS.name, pack(dead_letter))
        partition.acknowledged[self._group] = offset + 1
        return False
