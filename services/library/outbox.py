"""The outbox: what happened is written with the change itself, and published by the relay."""

from dataclasses import dataclass

from pydantic import BaseModel
from sqlalchemy import BigInteger, ColumnElement, Text, cast, func, insert, literal
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.ids import ItemId, JobId, OwnerId, RunId
from contracts.topics import Topic
from kit.clock import new_id
from kit.database.engine import announce, database_of
from kit.observability.tracing import current_traceparent
from services.library.tables import EventRow

OUTBOX = "outbox"
"""The signal that is set when a transaction which wrote an event has committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an event speaks of: it decides who may see it and in which order it comes."""

    subject: str
    """The id of what it happened to."""
    key: str
    """Events of one key keep their order."""
    owner: OwnerId | None = None
    item: ItemId | None = None
    job: JobId | None = None
    run: RunId | None = None
    sequence: int | None = None
    traceparent: str = ""


async def record(
    session: AsyncSession, topic: Topic, type_: str, data: BaseModel, *, about: About
) -> None:
    """Write an event in the session's transaction: it is published if that commits, only then."""
    if not isinstance(data, topic.events[type_]):
        raise TypeError(f"{type_} on {topic.name} carries {topic.events[type_].__name__}")
    database = database_of(session)
    xid: ColumnElement[int] = literal(0)
    if not database.sqlite:
        xid = cast(cast(func.pg_current_xact_id(), Text), BigInteger)
    statement = insert(EventRow).values(
        id=new_id(),
        xid=xid,
        topic=topic.name,
        key=about.key,
        type=type_,
        subject=about.subject,
        data=data.model_dump(mode="json"),
        time=database.now(),
        traceparent=about.traceparent or current_traceparent(),
        owner=about.owner,
        item=about.item,
        job=about.job,
        run=about.run,
        sequence=about.sequence,
    )
    await session.execute(statement)
    announce(session, OUTBOX)
