"""The feed: applied events of one owner by cursor, each exactly once and in order (R6, R24)."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Text, cast, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.events import Feed, FeedEntry
from contracts.ids import EventId, JobId, OwnerId, RunId, SubjectId
from contracts.problems import FieldProblem, ProblemCode
from contracts.subjects import Subject, SubjectKind
from contracts.topics import LIBRARY_EVENTS
from kit.database.engine import Database, database_of
from kit.http.errors import ProblemError
from services.library.events.tables import EventRow

START = "start"
"""The cursor before everything that is kept."""
_LAST = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFilter:
    """Which events to show."""

    subject: Subject | None = None
    job: JobId | None = None
    run: RunId | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the feed: transaction, row, and when it was."""

    xid: int
    seq: int
    time: datetime

    def text(self) -> str:
        """Return it as text that means nothing to callers."""
        plain = json.dumps([self.xid, self.seq, self.time.isoformat()], separators=(",", ":"))
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read it again. Raises `ValueError`."""
        padded = text + "=" * (-len(text) % 4)
        try:
            xid, seq, time = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
            when = datetime.fromisoformat(time)
        except (TypeError, binascii.Error, UnicodeError) as error:
            raise ValueError(str(error)) from error
        whole = all(type(n) is int and 0 <= n <= _LAST for n in (xid, seq))
        if not whole or when.tzinfo is None:
            raise ValueError("not a position")
        return cls(xid, seq, when)


async def read_feed(
    session: AsyncSession,
    owner: OwnerId,
    *,
    after: str | None,
    limit: int,
    events: FeedFilter,
    retention: timedelta,
) -> Feed:
    """Return the events after a cursor or after the id of an event; without one, the end.

    A cursor older than the retention is refused, because events after it may be deleted. On
    Postgres nothing is shown that a transaction still under way could come before: whoever
    follows the cursor misses nothing.

    Raises
    ------
    ProblemError
    """
    database = database_of(session)
    now = await database.time(session)
    start = await _start(session, owner, after, now, retention)
    if after is None:
        return Feed(items=(), next=start.text())
    query = (
        select(EventRow)
        .where(col(EventRow.owner) == owner, col(EventRow.topic) == LIBRARY_EVENTS.name)
        .where(
            tuple_(col(EventRow.xid), col(EventRow.seq))
            > tuple_(literal(start.xid, BigInteger), literal(start.seq, BigInteger))
        )
        .where(*_settled(database))
        .order_by(col(EventRow.xid), col(EventRow.seq))
        .limit(limit + 1)
    )
    subject = events.subject
    for column, value in (
        (EventRow.subject_kind, subject and subject.kind.value),
        (EventRow.subject_id, subject and subject.id),
        (EventRow.job, events.job),
        (EventRow.run, events.run),
    ):
        if value is not None:
            query = query.where(col(column) == value)
    rows = list(await session.scalars(query))
    if not rows and not database.sqlite and start.xid >= await _first_live(session):
        raise ProblemError(
            ProblemCode.GONE,
            "The server was restored from a backup that is older than this cursor. List what there "
            "is, then read the feed without `after`.",
        )
    shown = rows[:limit]
    last = position_of(shown[-1]) if shown else start
    return Feed(
        items=tuple(map(_show, shown)),
        next=last.text(),
        more=len(rows) > limit,
    )


async def _start(
    session: AsyncSession,
    owner: OwnerId,
    after: str | None,
    now: datetime,
    retention: timedelta,
) -> Position:
    if after is None:
        return await _end(session, now)
    if after == START:
        return Position(0, 0, now)
    try:
        position = Position.parse(after)
    except ValueError:
        position = None
    if position is None:
        query = select(EventRow).where(
            col(EventRow.id) == after,
            col(EventRow.owner) == owner,
            col(EventRow.topic) == LIBRARY_EVENTS.name,
        )
        seen = (await session.scalars(query)).one_or_none()
        if seen is not None:
            return position_of(seen)
        if len(after) != 36:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                "`after` is a cursor of this feed, or the id of an event of it.",
                fields=(FieldProblem(field="query.after", message="not a cursor"),),
            )
    if position is None or position.time < now - retention:
        raise ProblemError(
            ProblemCode.GONE,
            f"The feed keeps events for {retention.days} days. List what there is, then read the "
            "feed without `after`.",
        )
    return position


async def _end(session: AsyncSession, now: datetime) -> Position:
    database = database_of(session)
    if database.sqlite:
        newest = (await session.execute(select(func.max(EventRow.seq)))).scalar_one()
        return Position(0, newest or 0, now)
    return Position(await _first_live(session) - 1, _LAST, now)


async def _first_live(session: AsyncSession) -> int:
    """Return the id of the oldest transaction that goes on; on Postgres."""
    return (await session.execute(select(_oldest_live()))).scalar_one()


def _settled(database: Database) -> tuple[ColumnElement[bool], ...]:
    # SQLite has one writer: what is there is there in order.
    return () if database.sqlite else (col(EventRow.xid) < _oldest_live(),)


def _oldest_live() -> ColumnElement[int]:
    return cast(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text), BigInteger)


def position_of(row: EventRow) -> Position:
    """Return the place of an event."""
    return Position(row.xid, row.seq or 0, row.time)


def _subject(row: EventRow) -> Subject | None:
    if row.subject_kind is None or row.subject_id is None:
        return None
    return Subject(kind=SubjectKind(row.subject_kind), id=SubjectId(row.subject_id))


def _show(row: EventRow) -> FeedEntry:
    return FeedEntry(
        cursor=position_of(row).text(),
        id=EventId(row.id),
        type=row.type,
        event_subject=row.event_subject,
        time=row.time,
        subject=_subject(row),
        job=JobId(row.job) if row.job else None,
        run=RunId(row.run) if row.run else None,
        data=row.data,
    )
