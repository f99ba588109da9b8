"""The relay: the only publisher of the library's events (R4, R5).

It takes what is not published yet, never what comes after a cursor, so a transaction that commits
late is not skipped; it marks an event after the bus has it, so one may be sent twice, under the
same id, but none is lost. Events of one key go one after the other, different keys side by side.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from opentelemetry.trace import SpanKind
from sqlalchemy import Executable, bindparam, select, update
from sqlmodel import col

from contracts.envelope import Event, dataschema
from contracts.ids import EventId, OwnerId
from contracts.music import Seconds
from contracts.topics import TOPICS
from kit.bus.base import AnyEvent, Bus, BusError
from kit.database.engine import Database
from kit.observability.tracing import continue_trace
from services.library.background import lead, until
from services.library.events.outbox import OUTBOX
from services.library.events.tables import EventRow

log = logging.getLogger(__name__)

BATCH = 500
GATHER: Seconds = 0.05
"""Pause after a batch: what comes meanwhile is published and marked together."""
POLL: Seconds = 1.0
"""How often it looks without being woken: events of other processes of the library."""
_TOPICS = {topic.name: topic for topic in TOPICS}

_UNPUBLISHED = (
    select(EventRow)
    .where(col(EventRow.published).is_(None))
    .order_by(col(EventRow.seq))
    .limit(BATCH)
)


class Relay:
    """Publishes what the outbox holds; of several, one is active."""

    def __init__(self, database: Database, bus: Bus, *, poll: Seconds = POLL) -> None:
        self._database = database
        self._bus = bus
        self._poll = poll

    async def run(self, stopping: asyncio.Event) -> None:
        """Relay until `stopping` is set."""
        # What is cut off at the end stays in the outbox for the next relay, under the same id.
        await until(stopping, lead(self._database, "relay", OUTBOX, self._relay, poll=self._poll))

    async def relay(self) -> int:
        """Publish one batch; return how many events the bus took."""
        async with self._database.session() as session:
            rows = list(await session.scalars(_UNPUBLISHED))
        if not rows:
            return 0
        lines: dict[tuple[str, str], list[EventRow]] = {}
        for row in rows:
            lines.setdefault((row.topic, row.key), []).append(row)
        sent = await asyncio.gather(*(self._send(line) for line in lines.values()))
        taken = [seq for line in sent for seq in line]
        if taken:
            await self._mark(taken)
        return len(taken)

    async def _relay(self) -> bool:
        if not await self.relay():
            return False
        await asyncio.sleep(GATHER)
        return True

    async def _send(self, line: Iterable[EventRow]) -> list[int]:
        """Publish events of one key in order, up to the first that the bus does not take."""
        taken: list[int] = []
        for row in line:
            try:
                with continue_trace(row.traceparent, f"publish {row.type}", kind=SpanKind.PRODUCER):
                    await self._bus.publish(_TOPICS[row.topic], event_of(row), key=row.key)
            except (KeyError, ValueError):
                # A newer library wrote it, and its own relay will know what it is.
                log.exception("event %s of %s is not one that we know", row.id, row.topic)
                break
            except BusError as error:
                log.warning("event %s of %s waits: %s", row.id, row.topic, error)
                break
            taken.append(row.seq or 0)
        return taken

    async def _mark(self, taken: list[int]) -> None:
        mark = self._database.prepared("mark", lambda: _marking(self._database))
        async with self._database.transaction() as session:
            await session.execute(mark, {"taken": taken})


def _marking(database: Database) -> Executable:
    return (
        update(EventRow)
        .where(col(EventRow.seq).in_(bindparam("taken", expanding=True)))
        .values(published=database.now())
        .execution_options(synchronize_session=False)
    )


def event_of(row: EventRow) -> AnyEvent:
    """Return an event as the bus carries it."""
    data: Any = _TOPICS[row.topic].events[row.type].model_validate(row.data)
    return Event(
        id=EventId(row.id),
        type=row.type,
        source="/library",
        subject=row.event_subject,
        time=row.time,
        dataschema=dataschema(row.type),
        traceparent=row.traceparent,
        owner=OwnerId(row.owner) if row.owner else None,
        sequence=row.sequence,
        data=data,
    )
