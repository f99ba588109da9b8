"""The transitions of a job's state machine: one guarded UPDATE each, with its events.

Every change of a job's state goes through `transition`. The guard is in the WHERE of the statement
that changes the row, so the second of two concurrent transitions changes nothing and returns
nothing. A transition into a terminal state is reported as `JOB_FINISHED`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Executable, Integer, String, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.events import JobFinished, JobQueued, JobRunning
from contracts.ids import JobId, OwnerId, RunId
from contracts.jobs import JobRequested, JobState, Priority, Reason, StoredFile, TaskName
from contracts.objects import Bucket, attempt_prefix, previews_prefix
from contracts.tasks import TASKS
from contracts.topics import LIBRARY_EVENTS, commands
from kit.clock import new_id
from kit.database.engine import Database, database_of
from kit.database.hooks import Hook, report
from services.library.events.outbox import About, Fact, record, record_all
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import GarbageRow, JobRow

ATTEMPT_GARBAGE_AFTER = timedelta(hours=1)
"""A worker that lost its lease, but does not know it, may be writing for a while."""

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


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A job that has just reached a terminal state; its row is locked."""

    row: JobRow
    files: tuple[StoredFile, ...] = ()
    """What the attempt stored, if it succeeded."""


JOB_FINISHED = Hook[FinishedJob]("job finished")
"""Reported in the transaction that finishes a job."""


async def current(session: AsyncSession, job: str, epoch: int) -> JobRow | None:
    """Return a running job and hold its row, or nothing if another epoch or no one runs it."""
    return (await session.scalars(_CURRENT, {"of_job": job, "of_epoch": epoch})).one_or_none()


async def transition(
    session: AsyncSession, job: str, state: JobState, epoch: int, to: Mapping[str, Any]
) -> JobRow | None:
    """Change a job that is in a state and an epoch; return the changed row, or nothing.

    A `timedelta` in `to` sets its column to the database's time plus this duration.
    """
    database = database_of(session)
    names = tuple((name, isinstance(value, timedelta)) for name, value in to.items())
    statement = database.prepared(("transition", names), lambda: _transition(database, names))
    values: dict[str, Any] = {"of_job": job, "of_epoch": epoch, "was": state.value}
    for name, value in to.items():
        values[f"to_{name}"] = (
            database.deadline_value(value) if isinstance(value, timedelta) else value
        )
    return (await session.scalars(statement, values)).one_or_none()


def _transition(database: Database, names: tuple[tuple[str, bool], ...]) -> Executable:
    columns = JobRow.metadata.tables["jobs"].c
    to: dict[str, Any] = {
        name: database.deadline_expr(f"to_{name}")
        if is_time
        else bindparam(f"to_{name}", type_=columns[name].type)
        for name, is_time in names
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
    """QUEUED to RUNNING: the epoch grows, which fences off every earlier attempt."""
    values = {
        **to,
        "state": JobState.RUNNING.value,
        "epoch": epoch + 1,
        "progress": {},
        "started": NOW,
    }
    row = await transition(session, job, JobState.QUEUED, epoch, values)
    if row is not None:
        data = JobRunning(
            job=JobId(row.id),
            subject=subject_of(row),
            task=TaskName(row.task),
            run=_run(row),
            epoch=row.epoch,
        )
        await record(session, LIBRARY_EVENTS, "job.running", data, about=about(row))
    return row


async def requeue_attempt(
    session: AsyncSession, row: JobRow, to: Mapping[str, Any], *, pause: timedelta = timedelta()
) -> JobRow | None:
    """RUNNING to QUEUED: it may be claimed again after a pause."""
    values = {
        **_NOBODY,
        **to,
        "state": JobState.QUEUED.value,
        "not_before": pause,
        "progress": {},
    }
    queued = await transition(session, row.id, JobState.RUNNING, row.epoch, values)
    if queued is not None:
        await _discard_attempt(session, queued)
        await emit_queued(session, queued, notify=not pause)
    return queued


async def finish(
    session: AsyncSession,
    row: JobRow,
    state: JobState,
    *,
    to: Mapping[str, Any] | None = None,
    reason: Reason | None = None,
    with_effects: bool = True,
) -> JobRow | None:
    """QUEUED or RUNNING to a terminal state.

    Without effects it is not reported as `JOB_FINISHED`: its item and runs are being deleted.
    """
    was = JobState(row.state)
    finished = await _finish(session, row.id, was, row.epoch, state, to=to, reason=reason)
    if finished is not None and with_effects:
        report(session, JOB_FINISHED, FinishedJob(finished))
    return finished


async def finish_attempt(
    session: AsyncSession,
    job: str,
    epoch: int,
    state: JobState,
    *,
    to: Mapping[str, Any] | None = None,
    reason: Reason | None = None,
    files: tuple[StoredFile, ...] = (),
) -> JobRow | None:
    """RUNNING in an epoch to a terminal state, with the files that the attempt stored."""
    running = JobState.RUNNING
    finished = await _finish(session, job, running, epoch, state, to=to, reason=reason)
    if finished is not None:
        report(session, JOB_FINISHED, FinishedJob(finished, files))
    return finished


async def _finish(
    session: AsyncSession,
    job: str,
    was: JobState,
    epoch: int,
    state: JobState,
    *,
    to: Mapping[str, Any] | None,
    reason: Reason | None,
) -> JobRow | None:
    values = {
        **_NOBODY,
        **(to or {}),
        "state": state.value,
        "reason": reason.model_dump(mode="json") if reason else None,
        "reason_code": reason.code if reason else None,
        "finished": NOW,
    }
    row = await transition(session, job, was, epoch, values)
    if row is None:
        return None
    if was is JobState.RUNNING:
        await _discard_after_attempt(session, row)
    data = JobFinished(
        job=JobId(row.id),
        subject=subject_of(row),
        task=TaskName(row.task),
        run=_run(row),
        epoch=row.epoch,
        reason=reason,
    )
    await record(session, LIBRARY_EVENTS, f"job.{state.value}", data, about=about(row))
    return row


async def _discard_after_attempt(session: AsyncSession, row: JobRow) -> None:
    """Discard all that a finished attempt stored, or only its previews if it succeeded."""
    task = TASKS.get(TaskName(row.task))
    if row.state != JobState.SUCCEEDED:
        await _discard_attempt(session, row)
    elif task is not None and task.previews:
        await discard(session, Bucket.DERIVED, previews_of(row), after=PREVIEWS_GARBAGE_AFTER)


async def emit_queued(session: AsyncSession, row: JobRow, *, notify: bool) -> None:
    """Emit `job.queued`, and wake workers of its task unless the job has to pause first."""
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
        request = JobRequested(job=JobId(row.id), task=task, priority=Priority(row.priority))
        of_job = About(
            event_subject=row.id,
            key=row.id,
            owner=OwnerId(row.owner),
            job=JobId(row.id),
            traceparent=row.traceparent,
        )
        facts.append(Fact(commands(task), f"{task}.requested", request, of_job))
    await record_all(session, facts)


def about(row: JobRow) -> About:
    """Return the attributes of a job's events: who may see them, and their order."""
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
    """Schedule the removal of all objects under a prefix, or of one key."""
    database = database_of(session)
    now = await database.time(session)
    session.add(GarbageRow(id=new_id(), bucket=bucket, prefix=prefix, due=now + after, created=now))


async def discard_all(
    session: AsyncSession, prefixes: Iterable[tuple[Bucket, str, timedelta]]
) -> None:
    """Schedule the removal of many prefixes, or whole keys, each after a delay."""
    now = await database_of(session).time(session)
    rows = [
        {"id": new_id(), "bucket": bucket.value, "prefix": prefix, "due": now + after}
        for bucket, prefix, after in prefixes
    ]
    if rows:
        statement = insert(GarbageRow.metadata.tables["garbage"]).values(created=now)
        await session.execute(statement, rows)


def previews_of(row: JobRow) -> str:
    """Return the prefix of the previews of a job's current attempt."""
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
