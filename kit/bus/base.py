"""The bus port: publish events with acknowledgement, consume them in a group, tail a topic.

Every implementation guarantees, and the port's test suite checks:

- Events with the same key keep their order.
- Groups get at-least-once delivery: an event is delivered again until the group acknowledges it.
- `tail` yields to every reader, without a group, each event published after it started reading.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Protocol

from contracts.envelope import Event
from contracts.topics import Topic
from kit.bus.records import DeadLetterRecord, Record

AnyEvent = Event[Any]
Handler = Callable[[AnyEvent], Awaitable[None]]


class BusError(Exception):
    """The bus failed; a retry may succeed."""


class DecodeError(BusError):
    """A record does not hold an event of its topic."""


class RetryLater(Exception):
    """A handler raises this if it cannot work now, for example because its database is unavailable.

    The consumer redelivers the event after a pause, without limit; it does not count as a failure.
    """


class Consumer(Protocol):
    """One member of a group on one topic."""

    caught_up: asyncio.Event
    """Set once the group has handled every record that the topic held when the consumer started."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver each event to the handler and acknowledge it, until `stopping` is set.

        If the handler raises, the event is delivered again. After three tries, or at once if the
        record cannot be decoded, it is written to the dead letters with the reason and
        acknowledged.
        """
        ...


class Bus(Protocol):
    """Connects services: one implementation for a Kafka cluster, one for a single process."""

    members: int
    """How many members of a group one process runs."""

    async def start(self) -> None:
        """Connect. Raises `BusError`."""
        ...

    async def close(self) -> None:
        """Flush and disconnect."""
        ...

    async def ready(self) -> bool:
        """Return whether the bus is reachable."""
        ...

    async def ensure(self, topics: Iterable[Topic]) -> None:
        """Create the topics that do not exist. Raises `BusError`."""
        ...

    async def publish(self, topic: Topic, event: AnyEvent, *, key: str) -> None:
        """Send an event and return once the bus has acknowledged it.

        Raises
        ------
        BusError
            The bus did not acknowledge in time. It may have stored the event: publish it again
            with the same id, and consumers drop the duplicate.
        """
        ...

    async def send(self, name: str, record: Record) -> None:
        """Append a record unchanged to a topic, as a replay of a dead letter does.

        Raises
        ------
        BusError
        """
        ...

    async def latest_dead_letters(self, limit: int) -> tuple[DeadLetterRecord, ...]:
        """Return the last `limit` stored dead letters of each partition. Raises `BusError`."""
        ...

    async def dead_letter(self, id_: str) -> DeadLetterRecord | None:
        """Return a stored dead letter by its id; `None` if it does not exist. Raises `BusError`."""
        ...

    def consumer(self, topic: Topic, *, group: str, handler: Handler) -> Consumer:
        """Return a member of `group` that delivers events to `handler` when run."""
        ...

    def tail(self, topic: Topic) -> AsyncIterator[AnyEvent | None]:
        """Yield every event published from now on, without a group, until the bus is closed.

        Yields `None` for a record that cannot be decoded, so that the reader still wakes up.
        """
        ...
