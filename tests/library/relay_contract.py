"""The contract of a relay, checked on the real module and on mutants."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

from sqlalchemy import func, select, update
from sqlmodel import col

from contracts.envelope import dataschema
from contracts.events import ItemChanged
from contracts.ids import ItemId
from contracts.items import ItemState
from contracts.topics import LIBRARY_EVENTS, Topic
from kit.bus.base import AnyEvent, BusError
from kit.bus.memory import MemoryBus
from kit.clock import new_id
from kit.database.engine import Database
from services.library.events.outbox import About, record
from services.library.events.tables import EventRow


@dataclass
class RecordingBus(MemoryBus):
    """A bus that records accepted events, and refuses or blocks on request."""

    taken: list[tuple[str, AnyEvent]] = field(default_factory=list)
    refuses: Callable[[AnyEvent], bool] = lambda event: False
    hold: asyncio.Event | None = None
    """If set, events are accepted but not acknowledged until it is set."""
    held: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        super().__init__()

    async def publish(self, topic: Topic, event: AnyEvent, *, key: str) -> None:
        if self.refuses(event):
            raise BusError("not now")
        self.taken.append((key, event))
        if self.hold is not None:
            self.held.set()
            await self.hold.wait()

    def of(self, key: str) -> list[int | None]:
        """Return the sequence of one key's events as they came."""
        return [event.sequence for k, event in self.taken if k == key]

    def ids(self) -> list[str]:
        return [event.id for _, event in self.taken]


async def commit_events(database: Database, key: str, *sequence: int) -> None:
    """Commit events of one key, each in a transaction of its own."""
    for number in sequence:
        async with database.transaction() as session:
            data = ItemChanged(item=ItemId(key), state=ItemState.READY)
            about = About(event_subject=key, key=key, sequence=number)
            await record(session, LIBRARY_EVENTS, "item.changed", data, about=about)


async def unpublished(database: Database) -> int:
    query = select(func.count()).select_from(EventRow).where(col(EventRow.published).is_(None))
    async with database.session() as session:
        return (await session.execute(query)).scalar_one()


async def until(condition: Callable[[], bool]) -> None:
    """Poll until a condition holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 What is waited for sets no event.
            await asyncio.sleep(0.01)


async def keeps_order_and_marks_published(relays: ModuleType, database: Database) -> None:
    bus = RecordingBus()
    relay = relays.Relay(database, bus)
    a, b = new_id(), new_id()
    for number in (1, 2, 3):
        await commit_events(database, a, number)
        await commit_events(database, b, number)
    assert await relay.relay() == 6
    assert bus.of(a) == bus.of(b) == [1, 2, 3]
    assert await unpublished(database) == 0
    assert await relay.relay() == 0
    assert len(bus.taken) == 6, "nothing is sent again"
    event = bus.taken[0][1]
    assert (event.type, event.source) == ("item.changed", "/library")
    assert event.dataschema == dataschema("item.changed")
    assert isinstance(event.data, ItemChanged)


async def retries_refused_events_in_order(relays: ModuleType, database: Database) -> None:
    a, b = new_id(), new_id()
    await commit_events(database, a, 1, 2, 3)
    await commit_events(database, b, 1)
    bus = RecordingBus(refuses=lambda event: event.subject == a and event.sequence == 2)
    relay = relays.Relay(database, bus)
    await relay.relay()
    assert bus.of(a) == [1], "what comes later must not overtake what the bus refused"
    assert bus.of(b) == [1], "one key's trouble is not another's"
    assert await unpublished(database) == 2
    bus.refuses = lambda event: False
    await relay.relay()
    assert bus.of(a) == [1, 2, 3]
    assert await unpublished(database) == 0


async def resends_unmarked_events(relays: ModuleType, database: Database) -> None:
    key = new_id()
    await commit_events(database, key, 1)
    bus = RecordingBus(hold=asyncio.Event())
    dying = asyncio.create_task(relays.Relay(database, bus).relay())
    async with asyncio.timeout(10):
        await bus.held.wait()
    dying.cancel()
    await asyncio.wait({dying})
    assert await unpublished(database) == 1, "it is marked after the bus has it, not before"
    bus.hold = None
    await relays.Relay(database, bus).relay()
    assert len(bus.ids()) == 2
    assert len(set(bus.ids())) == 1, "the same event has the same id"


async def skips_unknown_event_types(relays: ModuleType, database: Database) -> None:
    strange, known = new_id(), new_id()
    await commit_events(database, strange, 1)
    async with database.transaction() as session:
        await session.execute(update(EventRow).values(type="item.translated"))
    await commit_events(database, known, 1)
    bus = RecordingBus()
    await relays.Relay(database, bus).relay()
    assert bus.of(known) == [1]
    assert bus.of(strange) == []
    assert await unpublished(database) == 1, "a newer library's relay will send it"


async def sends_late_commits(relays: ModuleType, database: Database) -> None:
    bus = RecordingBus()
    relay = relays.Relay(database, bus)
    late, early = new_id(), new_id()
    async with database.transaction() as session:
        data = ItemChanged(item=ItemId(late), state=ItemState.READY)
        about = About(event_subject=late, key=late, sequence=1)
        await record(session, LIBRARY_EVENTS, "item.changed", data, about=about)
        # Another transaction begins later and is through before.
        await commit_events(database, early, 1)
        await relay.relay()
        assert bus.of(early) == [1]
        assert bus.of(late) == [], "nothing is sent that is not committed"
    await relay.relay()
    assert bus.of(late) == [1], "it was written before what was sent, and committed after"


ON_ANY = (
    keeps_order_and_marks_published,
    retries_refused_events_in_order,
    resends_unmarked_events,
    skips_unknown_event_types,
)
ON_POSTGRES = (sends_late_commits,)
"""SQLite has one writer, so nothing can commit late there."""
