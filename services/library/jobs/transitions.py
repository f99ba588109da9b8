"""The arrows of a job's state machine: one guarded UPDATE each, with its events beside it.

Every change of a job's state goes through `move`. Its guard stands in the WHERE of the one
statement that changes the row, so whoever comes second changes nothing and is told so.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Executable, Integer, String, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.events import JobFinished, JobQueued, JobRunning
from contracts.ids import JobId, OwnerId, RunId
from contracts.jobs import JobRequested, JobState, Priority, Reason, TaskName
from contracts.objects import Bucket, attempt_prefix, previews_prefix
from contracts.topics import LIBRARY_EVENTS, commands
from kit.clock import new_id
from kit.database.engine import Database, database_of
from services.library.events.outbox import About, Fact, record, record_all
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import GarbageRow, JobRow

ATTEMPT_GARBAGE_AFTER = timedelta(hours=1)
"""A worker that lost its lease, but does not know it, may be writing for a while."""

PREVIEWED = frozenset({TaskName.SEPARATION})
"""Tasks that let parts of their files be heard before they end."""
PREVIEWS_GARBAGE_AFTER = timedelta(minutes=20)
"""Longer than a signed URL works: whoever began to listen may go on."""

NOW = timedelta()
"""As a column's new value: the database's own time."""
_JOB = bindparam("of_job", type_=String)
_EPOCH = bindparam("of_epoch", type_=Integer)
_CURRENT = (
    select(JobRow)
    .where(col(JobRow.id) == _JOB, col(JobRow.epoch) == _EPOCH)
    .where(col(JobRow.state) == JobState.RUNNING)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
_NOBODY = {"worker": None, "lease_until": None, "deadline": None}
"""What a row says of its worker once it has none."""


async def current(session: AsyncSession, job: str, epoch: int) -> JobRow | None:
    """Return a running job and hold its row, or nothing if another epoch or no one runs it."""
    return (await session.scalars(_CURRENT, {"of_job": job, "of_epoch": epoch})).one_or_none()


async def move(
    session: AsyncSession, job: str, state: JobState, epoch: int, to: Mapping[str, Any]
) -> JobRow | None:
    """Change a job that is in a state and an epoch; return the row as it is now, or nothing.

    In `to`, a length of time is the moment when it will have passed.
    """
    database = database_of(session)
    names = tuple((name, isinstance(value, timedelta)) for name, value in to.items())
    statement = database.prepared(("move", names), lambda: _moving(database, names))
    asked: dict[str, Any] = {"of_job": job, "of_epoch": epoch, "was": state.value}
    for name, value in to.items():
        asked[f"to_{name}"] = (
            database.deadline_value(value) if isinstance(value, timedelta) else value
        )
    return (await session.scalars(statement, asked)).one_or_none()


def _moving(database: Database, names: tuple[tuple[str, bool], ...]) -> Executable:
    columns = JobRow.metadata.tables["jobs"].c
    to: dict[str, Any] = {
        name: database.deadline_expr(f"to_{name}")
        if is_moment
        else bindparam(f"to_{name}", type_=columns[name].type)
        for name, is_moment in names
    }
    return (
        update(JobRow)
        .where(
            col(JobRow.id) == _JOB,
            col(JobRow.state) == bindparam("was", type_=String),
            col(JobRow.epoch) == _EPOCH,
        )
        .values({**to, "seq": col(JobRow.seq) + 1})
        .returning(JobRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )


async def start_attempt(
    session: AsyncSession, job: str, epoch: int, to: Mapping[str, Any]
) -> JobRow | None:
    """QUEUED to RUNNING: the epoch grows, and with it everybody else is fenced off."""
    values = {
        **to,
        "state": JobState.RUNNING.value,
        "epoch": epoch + 1,
        "progress": {},
        "started": NOW,
    }
    moved = await move(session, job, JobState.QUEUED, epoch, values)
    if moved is not None:
        data = JobRunning(
            job=JobId(moved.id),
            subject=subject_of(moved),
            task=TaskName(moved.task),
            run=_run(moved),
            epoch=moved.epoch,
        )
        await record(session, LIBRARY_EVENTS, "job.running", data, about=about(moved))
    return moved


async def requeue_attempt(
    session: AsyncSession, row: JobRow, to: Mapping[str, Any], *, pause: timedelta = timedelta()
) -> JobRow | None:
    """RUNNING to QUEUED: it waits again, not before a pause has passed."""
    values = {
        **_NOBODY,
        **to,
        "state": JobState.QUEUED.value,
        "not_before": pause,
        "progress": {},
    }
    moved = await move(session, row.id, JobState.RUNNING, row.epoch, values)
    if moved is not None:
        await _discard_attempt(session, moved)
        await emit_queued(session, moved, notify=not pause)
    return moved


async def to_end(
    session: AsyncSession,
    row: JobRow,
    state: JobState,
    *,
    to: Mapping[str, Any] | None = None,
    reason: Reason | None = None,
) -> JobRow | None:
    """QUEUED or RUNNING to a state that never changes again."""
    was = JobState(row.state)
    return await end(session, row.id, was, row.epoch, state, to=to, reason=reason)


async def end(
    session: AsyncSession,
    job: str,
    was: JobState,
    epoch: int,
    state: JobState,
    *,
    to: Mapping[str, Any] | None = None,
    reason: Reason | None = None,
) -> JobRow | None:
    """A job that is in a state and an epoch to a state that never changes again."""
    values = {
        **_NOBODY,
        **(to or {}),
        "state": state.value,
        "reason": reason.model_dump(mode="json") if reason else None,
        "reason_code": reason.code if reason else None,
        "finished": NOW,
    }
    moved = await move(session, job, was, epoch, values)
    if moved is None:
        return None
    was_running = was is JobState.RUNNING
    if was_running and state is not JobState.SUCCEEDED:
        await _discard_attempt(session, moved)
    elif was_running and moved.task in PREVIEWED:
        await discard(session, Bucket.DERIVED, previews_of(moved), after=PREVIEWS_GARBAGE_AFTER)
    data = JobFinished(
        job=JobId(moved.id),
        subject=subject_of(moved),
        task=TaskName(moved.task),
        run=_run(moved),
        epoch=moved.epoch,
        reason=reason,
    )
    await record(session, LIBRARY_EVENTS, f"job.{state.value}", data, about=about(moved))
    return moved


async def emit_queued(session: AsyncSession, row: JobRow, *, notify: bool) -> None:
    """Write that a job waits, and the news for workers unless it must wait a while first."""
    task = TaskName(row.task)
    data = JobQueued(
        job=JobId(row.id),
        subject=subject_of(row),
        task=task,
        run=_run(row),
        attempt=row.attempt,
    )
    facts = [Fact(LIBRARY_EVENTS, "job.queued", data, about(row))]
    if notify:
        asked = JobRequested(job=JobId(row.id), task=task, priority=Priority(row.priority))
        spoken_of = About(
            event_subject=row.id,
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
        event_subject=row.id,
        key=row.subject_id,
        owner=OwnerId(row.owner),
        subject=subject_of(row),
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


async def discard_all(
    session: AsyncSession, prefixes: Iterable[tuple[Bucket, str, timedelta]]
) -> None:
    """Write of many prefixes, or whole keys, that they are of no use after a while."""
    now = await database_of(session).time(session)
    rows = [
        {"id": new_id(), "bucket": bucket.value, "prefix": prefix, "due": now + after}
        for bucket, prefix, after in prefixes
    ]
    if rows:
        statement = insert(GarbageRow.metadata.tables["garbage"]).values(created=now)
        await session.execute(statement, rows)


def previews_of(row: JobRow) -> str:
    """Return the prefix of what can be heard of a job's attempt before it ends."""
    return previews_prefix(
        OwnerId(row.owner), subject_of(row), TaskName(row.task), JobId(row.id), row.epoch
    )


async def _discard_attempt(session: AsyncSession, row: JobRow) -> None:
    prefix = attempt_prefix(
        OwnerId(row.owner), subject_of(row), TaskName(row.task), JobId(row.id), row.epoch
    )
    await discard(session, Bucket.DERIVED, prefix, after=ATTEMPT_GARBAGE_AFTER)


def _run(row: JobRow) -> RunId | None:
    return RunId(row.run) if row.run else None
