"""The bus port: publish acknowledged events, read news without a group, work through a group.

What every implementation promises, and the port's test suite checks: events of one key keep
their order; a group is given each event until it is acknowledged, again after a failure; news
reaches every reader that was there when it was published, from the end of the topic.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Protocol

from contracts.envelope import Event
from contracts.topics import Topic

AnyEvent = Event[Any]
Handler = Callable[[AnyEvent], Awaitable[None]]


class BusError(Exception):
    """The bus could not do what was asked; trying again may help."""


class DecodeError(BusError):
    """A record is not an event that this topic carries."""


class RetryLater(Exception):
    """Raised by a handler that cannot work at present, its database being away for instance.

    The event is handed over again after a pause, for as long as it takes; this is not a failure.
    """


class Consumer(Protocol):
    """One member of a group on one topic."""

    caught_up: asyncio.Event
    """Set once everything that the topic held when the consumer started was handled."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Hand each event to the handler and acknowledge it, until `stopping` is set.

        An event whose handler raises is handed over again; after three tries, and at once when
        it cannot be read, it goes to the dead letters with the reason, and is acknowledged.
        """
        ...


class Bus(Protocol):
    """The port."""

    members: int
    """Members of a group that one process runs: more where they cost nothing."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def close(self) -> None:
        """Flush and disconnect."""
        ...

    async def ready(self) -> bool:
        """Return whether the bus can be reached now."""
        ...

    async def ensure(self, topics: Iterable[Topic]) -> None:
        """Create the topics that do not exist."""
        ...

    async def publish(self, topic: Topic, event: AnyEvent, *, key: str) -> None:
        """Send an event and return once the bus has it for good.

        Raises
        ------
        BusError
            The bus did not acknowledge in time. The event may or may not have been taken:
            publish it again under the same id.
        """
        ...

    def consumer(self, topic: Topic, *, group: str, handler: Handler) -> Consumer:
        """Return a member of `group` that will hand events to `handler` when run."""
        ...

    def tail(self, topic: Topic) -> AsyncIterator[AnyEvent | None]:
        """Yield what is published from now on, for ever, without a group.

        Yields `None` for a record that cannot be read: something happened, but not what.
        """
        ...
