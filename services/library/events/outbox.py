"""The outbox: what happened is written with the change itself, and published by the relay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import BigInteger, Insert, Text, cast, func, insert
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.ids import JobId, OwnerId, RunId
from contracts.subjects import Subject
from contracts.topics import Topic
from kit.clock import new_id
from kit.database.engine import Database, database_of
from kit.database.notifications import notify_on_commit
from kit.observability.tracing import current_traceparent
from services.library.events.tables import EventRow

OUTBOX = "outbox"
"""The signal that is set when a transaction which wrote an event has committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an event speaks of: it decides who may see it and in which order it comes."""

    event_subject: str
    """The CloudEvents attribute `subject`: the id of what it happened to."""
    key: str
    """Events of one key keep their order."""
    owner: OwnerId | None = None
    subject: Subject | None = None
    """The thing in the catalogue that it belongs to."""
    job: JobId | None = None
    run: RunId | None = None
    sequence: int | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One event to be: where it goes, what it says, what it speaks of."""

    topic: Topic
    type: str
    data: BaseModel
    about: About


async def record(
    session: AsyncSession, topic: Topic, type_: str, data: BaseModel, *, about: About
) -> None:
    """Write an event in the session's transaction: it is published if that commits, only then."""
    await record_all(session, (Fact(topic, type_, data, about),))


async def record_all(session: AsyncSession, facts: Sequence[Fact]) -> None:
    """Write several events, in order, with one statement."""
    database = database_of(session)
    statement = database.prepared("record", lambda: _recording(database))
    await session.execute(statement, [_row(fact, database) for fact in facts])
    notify_on_commit(session, OUTBOX)


def _recording(database: Database) -> Insert:
    # The table and not the class: its rows are written as they are, with one statement.
    # Nothing is returned: a transaction may write an event that only another owner may read.
    statement = insert(EventRow.metadata.tables["events"]).inline().values(time=database.now())
    if database.sqlite:
        return statement
    xid = cast(cast(func.pg_current_xact_id(), Text), BigInteger)
    return statement.values(xid=xid)


def _row(fact: Fact, database: Database) -> dict[str, Any]:
    expected = fact.topic.events[fact.type]
    if not isinstance(fact.data, expected):
        raise TypeError(f"{fact.type} on {fact.topic.name} carries {expected.__name__}")
    about = fact.about
    return ({"xid": 0} if database.sqlite else {}) | {
        "id": new_id(),
        "topic": fact.topic.name,
        "key": about.key,
        "type": fact.type,
        "event_subject": about.event_subject,
        "data": fact.data.model_dump(mode="json"),
        "traceparent": about.traceparent or current_traceparent(),
        "owner": about.owner,
        "subject_kind": about.subject.kind.value if about.subject else None,
        "subject_id": about.subject.id if about.subject else None,
        "job": about.job,
        "run": about.run,
        "sequence": about.sequence,
    }
