"""What the suite needs of a bus beyond its port: raw records in, dead letters out, own topics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

from contracts.ids import JobId, WorkerId
from contracts.jobs import JobReleased
from contracts.topics import JOBS_EVENTS, Topic
from kit.bus.base import AnyEvent, Bus, Handler
from kit.bus.dead_letters import unpack
from kit.bus.kafka.bus import KafkaBus
from kit.bus.memory import MemoryBus
from kit.bus.records import DeadLetterRecord, Headers, Record
from kit.bus.watchdog import KafkaTimes
from kit.clock import new_id
from tests.support.events import make_event
from tests.support.timeouts import HANG_TIMEOUT

QUICK = KafkaTimes(heartbeat=1.0, poll=0.1, backoff=0.2, metadata=2.0)
"""News comes soon, and a member is not taken for dead because the machine is busy."""
SHORT_LIVED = replace(QUICK, session=6.0)
"""A member that is gone is not waited for long; one that is slow may be taken for gone."""


class Harness(Protocol):
    """A started bus under test."""

    @property
    def bus(self) -> Bus:
        """The bus."""
        ...

    async def put(self, topic: Topic, *, key: str, headers: Headers, value: bytes) -> None:
        """Append a record that is no event."""
        ...

    async def dead_letters(self, topic: Topic) -> list[DeadLetterRecord]:
        """Return the dead letters of a topic."""
        ...

    async def another(self) -> Bus:
        """Return the bus as another process would have it."""
        ...


class MemoryHarness:
    """The bus in this process: there is no other process to share it with."""

    def __init__(self) -> None:
        self.bus = MemoryBus()

    async def put(self, topic: Topic, *, key: str, headers: Headers, value: bytes) -> None:
        """Append a record that is no event."""
        self.bus.append(topic.name, Record(key.encode(), headers, value))

    async def dead_letters(self, topic: Topic) -> list[DeadLetterRecord]:
        """Return the dead letters of a topic."""
        letters = [
            unpack(record.key, record.headers, record.value)
            for record in self.bus.records("dead.letters")
        ]
        return [letter for letter in letters if letter is not None and letter.topic == topic.name]

    async def another(self) -> Bus:
        """Return the same bus."""
        return self.bus


class KafkaHarness:
    """A bus on a real broker."""

    def __init__(self, servers: str, *, times: KafkaTimes = QUICK) -> None:
        self.bus = KafkaBus(servers, times=times)
        self.others: list[KafkaBus] = []

    async def put(self, topic: Topic, *, key: str, headers: Headers, value: bytes) -> None:
        """Append a record that is no event."""
        await self.bus.send(topic.name, Record(key.encode(), headers, value))

    async def dead_letters(self, topic: Topic) -> list[DeadLetterRecord]:
        """Read the topic of dead letters from its beginning to its end."""
        return [letter async for letter in self.bus.dead_letters() if letter.topic == topic.name]

    async def another(self) -> Bus:
        """Connect once more."""
        bus = KafkaBus(self.bus.servers, times=self.bus.times)
        await bus.start()
        self.others.append(bus)
        return bus


def fresh_topic(partitions: int = 3) -> Topic:
    """Return a topic that nobody used before, carrying what `jobs.events` does."""
    return replace(JOBS_EVENTS, name=f"test.{new_id()}", partitions=partitions)


def released(number: int, *, job: str = "") -> AnyEvent:
    """Return an event that its epoch identifies."""
    data = JobReleased(job=JobId(job or new_id()), epoch=number, worker=WorkerId(new_id()))
    return make_event("job.released", data, subject=data.job)


async def eventually(condition: Callable[[], bool]) -> None:
    """Poll until a condition holds; fail at the timeout."""
    async with asyncio.timeout(HANG_TIMEOUT):
        while not condition():  # noqa: ASYNC110 Conditions of any kind have no event.
            await asyncio.sleep(0.01)


@asynccontextmanager
async def member(
    bus: Bus, topic: Topic, handler: Handler, *, group: str = "library"
) -> AsyncIterator["Member"]:
    """Run a member of a group while the block lasts."""
    running = Member(bus, topic, handler, group)
    try:
        yield running
    finally:
        await running.stop()


class Member:
    """A running consumer."""

    def __init__(self, bus: Bus, topic: Topic, handler: Handler, group: str) -> None:
        self.consumer = bus.consumer(topic, group=group, handler=handler)
        self._stopping = asyncio.Event()
        self.task = asyncio.create_task(self.consumer.run(self._stopping))

    async def stop(self) -> None:
        """Ask it to stop, and wait."""
        self._stopping.set()
        if not self.task.cancelled():
            await self.task

    async def crash(self) -> None:
        """End it in the middle of whatever it does."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Seen:
    """A handler that writes down what it is given."""

    def __init__(self, also: Callable[[AnyEvent], Awaitable[None]] | None = None) -> None:
        self.events: list[AnyEvent] = []
        self._also = also

    async def __call__(self, event: AnyEvent) -> None:
        """Take an event."""
        self.events.append(event)
        if self._also is not None:
            await self._also(event)

    @property
    def numbers(self) -> list[int]:
        """The events' epochs, in the order they came."""
        return [event.data.epoch for event in self.events]
