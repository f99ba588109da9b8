"""The arrows of a job's state machine: one guarded UPDATE each, with its events beside it.

Every change of a job's state goes through `move`. Its guard stands in the WHERE of the one
statement that changes the row, so whoever comes second changes nothing and is told so.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.events import JobEnded, JobQueued, JobRunning
from contracts.ids import ItemId, JobId, OwnerId, RunId
from contracts.jobs import Failure, JobClass, JobRequested, JobState, TaskName
from contracts.objects import Bucket, attempt_prefix, previews_prefix
from contracts.topics import LIBRARY_EVENTS, commands
from kit.clock import new_id
from kit.database.engine import database_of
from services.library.outbox import About, Fact, record, record_all
from services.library.tables import GarbageRow, JobRow

ATTEMPT_GARBAGE_AFTER = timedelta(hours=1)
"""A worker that lost its lease, but does not know it, may be writing for a while."""

PREVIEWED = frozenset({TaskName.SEPARATION})
"""Tasks that let parts of their files be heard before they end."""
PREVIEWS_GARBAGE_AFTER = timedelta(minutes=20)
"""Longer than a signed URL works: whoever began to listen may go on."""

_NOBODY = {"worker": None, "lease_until": None, "deadline": None}
"""What a row says of its worker once it has none."""


async def current(session: AsyncSession, job: str, epoch: int) -> JobRow | None:
    """Return a running job and hold its row, or nothing if another epoch or no one runs it."""
    query = (
        select(JobRow)
        .where(col(JobRow.id) == job, col(JobRow.epoch) == epoch)
        .where(col(JobRow.state) == JobState.RUNNING)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).one_or_none()


def running(epoch: int) -> tuple[ColumnElement[bool], ...]:
    """Return the guard of everything that a worker says: its epoch is the one that runs."""
    return (col(JobRow.state) == JobState.RUNNING, col(JobRow.epoch) == epoch)


def queued(epoch: int) -> tuple[ColumnElement[bool], ...]:
    """Return the guard of what happens to a waiting job."""
    return (col(JobRow.state) == JobState.QUEUED, col(JobRow.epoch) == epoch)


async def move(
    session: AsyncSession, job: str, guard: tuple[ColumnElement[bool], ...], to: Mapping[str, Any]
) -> JobRow | None:
    """Change a job if its guard holds; return the row as it is now, or nothing."""
    statement = (
        update(JobRow)
        .where(col(JobRow.id) == job, *guard)
        .values({**to, "seq": col(JobRow.seq) + 1})
        .returning(JobRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def to_running(session: AsyncSession, row: JobRow, to: Mapping[str, Any]) -> JobRow | None:
    """QUEUED to RUNNING: the epoch grows, and with it everybody else is fenced off."""
    values = {
        **to,
        "state": JobState.RUNNING.value,
        "epoch": col(JobRow.epoch) + 1,
        "attempt": col(JobRow.attempt) + 1,
        "progress": {},
        "started": database_of(session).now(),
    }
    moved = await move(session, row.id, queued(row.epoch), values)
    if moved is not None:
        data = JobRunning(
            job=JobId(moved.id),
            item=ItemId(moved.item),
            task=TaskName(moved.task),
            run=_run(moved),
            epoch=moved.epoch,
        )
        await record(session, LIBRARY_EVENTS, "job.running", data, about=about(moved))
    return moved


async def to_queued(
    session: AsyncSession, row: JobRow, to: Mapping[str, Any], *, pause: timedelta = timedelta()
) -> JobRow | None:
    """RUNNING to QUEUED: it waits again, not before a pause has passed."""
    values = {
        **_NOBODY,
        **to,
        "state": JobState.QUEUED.value,
        "not_before": database_of(session).now(offset=pause),
        "progress": {},
    }
    moved = await move(session, row.id, running(row.epoch), values)
    if moved is not None:
        await _discard_attempt(session, moved)
        await tell_queued(session, moved, news=not pause)
    return moved


async def to_end(
    session: AsyncSession,
    row: JobRow,
    state: JobState,
    *,
    to: Mapping[str, Any] | None = None,
    failure: Failure | None = None,
) -> JobRow | None:
    """QUEUED or RUNNING to a state that never changes again."""
    was_running = row.state == JobState.RUNNING
    values = {
        **_NOBODY,
        **(to or {}),
        "state": state.value,
        "failure": failure.model_dump(mode="json") if failure else None,
        "reason": failure.reason if failure else None,
        "finished": database_of(session).now(),
    }
    guard = running(row.epoch) if was_running else queued(row.epoch)
    moved = await move(session, row.id, guard, values)
    if moved is None:
        return None
    if was_running and state is not JobState.SUCCEEDED:
        await _discard_attempt(session, moved)
    elif was_running and moved.task in PREVIEWED:
        await discard(session, Bucket.DERIVED, previews_of(moved), after=PREVIEWS_GARBAGE_AFTER)
    data = JobEnded(
        job=JobId(moved.id),
        item=ItemId(moved.item),
        task=TaskName(moved.task),
        run=_run(moved),
        epoch=moved.epoch,
        failure=failure,
    )
    await record(session, LIBRARY_EVENTS, f"job.{state.value}", data, about=about(moved))
    return moved


async def tell_queued(session: AsyncSession, row: JobRow, *, news: bool) -> None:
    """Write that a job waits, and the news for workers unless it must wait a while first."""
    task = TaskName(row.task)
    data = JobQueued(
        job=JobId(row.id), item=ItemId(row.item), task=task, run=_run(row), attempt=row.attempt
    )
    facts = [Fact(LIBRARY_EVENTS, "job.queued", data, about(row))]
    if news:
        asked = JobRequested(job=JobId(row.id), task=task, priority=JobClass(row.priority))
        spoken_of = About(
            subject=row.id,
            key=row.id,
            owner=OwnerId(row.owner),
            job=JobId(row.id),
            traceparent=row.traceparent,
        )
        facts.append(Fact(commands(task), f"{task}.requested", asked, spoken_of))
    await record_all(session, facts)


def about(row: JobRow) -> About:
    """Return what an event of a job speaks of."""
    return About(
        subject=row.id,
        key=row.item,
        owner=OwnerId(row.owner),
        item=ItemId(row.item),
        job=JobId(row.id),
        run=_run(row),
        sequence=row.seq,
        traceparent=row.traceparent,
    )


async def discard(
    session: AsyncSession, bucket: Bucket, prefix: str, *, after: timedelta = timedelta()
) -> None:
    """Write that objects under a prefix, or one key, are of no use any more."""
    database = database_of(session)
    now = await database.time(session)
    session.add(GarbageRow(id=new_id(), bucket=bucket, prefix=prefix, due=now + after, created=now))


def previews_of(row: JobRow) -> str:
    """Return the prefix of what can be heard of a job's attempt before it ends."""
    return previews_prefix(
        OwnerId(row.owner), ItemId(row.item), TaskName(row.task), JobId(row.id), row.epoch
    )


async def _discard_attempt(session: AsyncSession, row: JobRow) -> None:
    prefix = attempt_prefix(
        OwnerId(row.owner), ItemId(row.item), TaskName(row.task), JobId(row.id), row.epoch
    )
    await discard(session, Bucket.DERIVED, prefix, after=ATTEMPT_GARBAGE_AFTER)


def _run(row: JobRow) -> RunId | None:
    return RunId(row.run) if row.run else None
