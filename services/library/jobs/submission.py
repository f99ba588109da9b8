"""Submission of jobs: create, reuse, cancel, retry."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import JobId, OwnerId, RunId
from contracts.jobs import (
    InputRef,
    JobState,
    Params,
    Priority,
    Reason,
    ReasonCode,
    TaskName,
)
from contracts.music import Seconds
from contracts.subjects import Subject
from contracts.tasks import TASKS
from kit.clock import new_id
from kit.database.actors import SERVICE, acting_as
from kit.database.engine import Database, database_of
from kit.observability.tracing import current_traceparent
from services.library.jobs.claims import offered
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.retry_advice import is_advised
from services.library.jobs.subjects import subject_columns, subject_of
from services.library.jobs.tables import JobRow, in_state
from services.library.jobs.transitions import emit_queued, finish
from services.library.usage import lacking, quota_of, stored_total

AHEAD = timedelta(days=1)
"""How much earlier a job that goes first seems to have been queued."""
MAX_CRASHED = 50
"""Crashed jobs of one input that decide whether a lighter variant may run."""


class NotAdmitted(Exception):
    """A job cannot be taken now."""

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class OwnerQueueFull(NotAdmitted):
    """This owner has enough jobs waiting: 429."""


class ServerQueueFull(NotAdmitted):
    """All owners together have enough jobs waiting: 503."""


class StorageFull(NotAdmitted):
    """This owner, or the whole server, may store nothing more: 413."""


class Quarantined(Exception):
    """This input brought this task's workers down lately: 422."""

    def __init__(self, reason: Reason, job: JobId) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.job = job


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to create; its parameters are validated by the task's own model, defaults filled in."""

    subject: Subject
    task: TaskName
    params: Params
    inputs: tuple[InputRef, ...]
    start_to_close_timeout: Seconds
    """How long an attempt may take."""
    tempo: float | None = None
    """Of the subject, in beats per minute; counts only for a task that depends on it."""
    facts_sha256: str | None = None
    """Digest of what the worker receives besides parameters and inputs, if anything."""
    priority: Priority = Priority.INTERACTIVE
    long: bool = False
    """Whether it is expected to take long."""
    force: bool = False
    """Create it even if an equal job is queued, running or done."""
    run: RunId | None = None
    step: str | None = None
    retry_of: JobId | None = None
    first: bool = False
    """Whether it goes before the other jobs of its owner and priority."""
    admitted: bool = False
    """Part of an upload or run that was admitted before: full queues do not refuse it."""


async def create(
    session: AsyncSession, owner: OwnerId, new: NewJob, *, policy: Policy
) -> tuple[JobRow, bool]:
    """Return an equal job or a new one, and whether it is new.

    Jobs are equal if owner, subject, inputs, task and parameters are. One that is queued or running
    is reused, and a finished one if workers still offer the producer of its result (R2). A reused
    job keeps the run that it was created for.

    Raises
    ------
    Quarantined, OwnerQueueFull, ServerQueueFull, StorageFull
    """
    database = database_of(session)
    # Until the transaction ends, no other one can change what is counted here for this owner.
    await hold_owner(session, owner)
    now = await database.time(session)
    inputs_sha256 = _digest(
        [[i.sha256, i.kind, i.stem, i.start, i.end] for i in new.inputs] or [new.subject.id]
    )
    admission = await _read_admission(session, owner, new, inputs_sha256, policy)
    if admission.quarantined is not None:
        await _check_quarantine(session, owner, new, inputs_sha256)
    task = TASKS.get(new.task)
    # Users may change the tempo of an item, and an analysis may set it. Only tasks that read it
    # lose their cached results then.
    tempo = new.tempo if task is not None and task.depends_on_tempo else None
    facts = [new.facts_sha256] if new.facts_sha256 is not None else []
    params_sha256 = _digest([new.params, tempo, *facts])
    if not new.force:
        same = (
            col(JobRow.owner) == owner,
            col(JobRow.subject_kind) == new.subject.kind,
            col(JobRow.subject_id) == new.subject.id,
            col(JobRow.task) == new.task,
            col(JobRow.inputs_sha256) == inputs_sha256,
            col(JobRow.params_sha256) == params_sha256,
        )
        if reused := await _reusable(session, new.task, same, policy):
            return reused, False
    if not new.admitted:
        _admit(admission, new.priority, policy)
        if shortage := await lacking(
            session, admission.stored, limits=policy, quota=admission.quota
        ):
            raise StorageFull(
                f"There is no room for the results of a job. {shortage.message}",
                retry_after=timedelta(),
            )
    row = JobRow(
        id=new_id(),
        owner=owner,
        **subject_columns(new.subject),
        run=new.run,
        step=new.step,
        task=new.task.value,
        state=JobState.QUEUED.value,
        priority=new.priority.value,
        long=new.long,
        params=new.params,
        params_sha256=params_sha256,
        inputs=[i.model_dump(mode="json") for i in new.inputs],
        inputs_sha256=inputs_sha256,
        seq=1,
        start_to_close_timeout=new.start_to_close_timeout,
        not_before=now,
        queued=now - AHEAD if new.first else now,
        schedule_to_start_deadline=now + policy.schedule_to_start_timeout,
        schedule_to_close_deadline=now + policy.schedule_to_close_timeout,
        retry_of=new.retry_of,
        traceparent=current_traceparent(),
        created=now,
    )
    session.add(row)
    await session.flush()
    await emit_queued(session, row, notify=True)
    return row, True


async def create_again(
    session: AsyncSession,
    owner: OwnerId,
    row: JobRow,
    *,
    params: Params,
    tempo: float | None,
    facts_sha256: str | None,
    policy: Policy,
) -> JobRow:
    """Return a new job with the input of a finished one.

    Parameters
    ----------
    params
        Validated parameters of the new job.
    tempo
        Of the subject, as it is now.
    facts_sha256
        See `NewJob.facts_sha256`, as they are now.

    Raises
    ------
    Quarantined, OwnerQueueFull, ServerQueueFull
    """
    new = NewJob(
        subject=subject_of(row),
        task=TaskName(row.task),
        params=params,
        inputs=tuple(InputRef.model_validate(i) for i in row.inputs),
        start_to_close_timeout=row.start_to_close_timeout,
        tempo=tempo,
        facts_sha256=facts_sha256,
        priority=Priority(row.priority),
        long=row.long,
        force=True,
        retry_of=JobId(row.id),
    )
    return (await create(session, owner, new, policy=policy))[0]


async def cancel(session: AsyncSession, owner: OwnerId, job: str) -> JobRow | None:
    """Cancel a job: at once if it is queued, at its worker's next heartbeat if it runs.

    Returns
    -------
    JobRow or None
        The job as it is now, which may have finished before; `None` if the owner has no such job.
    """
    query = (
        select(JobRow)
        .where(col(JobRow.id) == job, col(JobRow.owner) == owner)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    row = (await session.scalars(query)).one_or_none()
    if row is None:
        return None
    if row.state == JobState.QUEUED:
        return await finish(session, row, JobState.CANCELLED) or row
    if row.state == JobState.RUNNING:
        request = (
            update(JobRow)
            .where(col(JobRow.id) == job, col(JobRow.state) == JobState.RUNNING)
            .values(cancel_requested=True)
            .returning(JobRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        return (await session.scalars(request)).one_or_none() or row
    return row


@dataclass(frozen=True, slots=True)
class _Admission:
    """What decides whether a new job is admitted."""

    quarantined: str | None
    """A job that the same input crashed lately."""
    mine: int
    """Waiting jobs of the owner, counted up to the limit."""
    all: int
    """Waiting jobs of everybody, counted up to twice the limit."""
    stored: int
    """Bytes that the owner stores."""
    quota: int | None
    """The owner's own limit, if there is one."""


async def _read_admission(
    session: AsyncSession, owner: OwnerId, new: NewJob, inputs_sha256: str, policy: Policy
) -> _Admission:
    database = database_of(session)
    query = database.prepared(("admission", policy), lambda: _admission_query(database, policy))
    binds = {
        "owner": owner,
        "task": new.task.value,
        "inputs": inputs_sha256,
    }
    with acting_as(SERVICE):  # It also counts the jobs of others.
        quarantined, mine, everybodys, stored, quota = (await session.execute(query, binds)).one()
    return _Admission(quarantined, mine, everybodys, stored or 0, quota)


def _admission_query(
    database: Database, policy: Policy
) -> Select[str | None, int, int, int | None, int | None]:
    waiting = in_state(JobState.QUEUED)
    owner = bindparam("owner", type_=String)

    def count(limit: int, *where: ColumnElement[bool]) -> ScalarSelect[int]:
        some = select(col(JobRow.id)).where(waiting, *where).limit(limit).subquery()
        return select(func.count()).select_from(some).scalar_subquery()

    since = database.now(offset=-policy.quarantine)
    crashed = (
        select(col(JobRow.id))
        .where(
            col(JobRow.owner) == owner,
            col(JobRow.task) == bindparam("task", type_=String),
            col(JobRow.inputs_sha256) == bindparam("inputs", type_=String),
            col(JobRow.state) == JobState.FAILED,
            # Written out, as the states are, for the index of what crashed.
            col(JobRow.reason_code) == literal_column(f"'{ReasonCode.CRASH}'"),
            col(JobRow.finished) > since,
        )
        .limit(1)
        .scalar_subquery()
    )
    mine = count(policy.owner_queued, col(JobRow.owner) == owner)
    everybodys = count(2 * policy.server_queued)
    return select(crashed, mine, everybodys, stored_total(owner), quota_of(owner))


async def _check_quarantine(
    session: AsyncSession, owner: OwnerId, new: NewJob, inputs_sha256: str
) -> None:
    """Refuse a job of quarantined input, unless its parameters are an advised lighter variant.

    Each crash advises a few variants, none of them twice, so a file takes down few children more.
    """
    crashed = select(JobRow).where(
        col(JobRow.owner) == owner,
        col(JobRow.task) == new.task.value,
        col(JobRow.inputs_sha256) == inputs_sha256,
        col(JobRow.state) == JobState.FAILED,
        col(JobRow.reason_code) == literal_column(f"'{ReasonCode.CRASH}'"),
    )
    newest = crashed.order_by(col(JobRow.finished).desc()).limit(MAX_CRASHED)
    rows = list(await session.scalars(newest))
    tried = any(row.params == new.params for row in rows)
    if not tried and any(is_advised(row, new.params) for row in rows):
        return
    raise Quarantined(Reason.model_validate(rows[0].reason), JobId(rows[0].id))


async def _reusable(
    session: AsyncSession, task: TaskName, same: tuple[ColumnElement[bool], ...], policy: Policy
) -> JobRow | None:
    live = and_(
        col(JobRow.state).in_((JobState.QUEUED, JobState.RUNNING)),
        col(JobRow.cancel_requested).is_(False),
    )
    done = and_(
        col(JobRow.state).in_((JobState.SUCCEEDED, JobState.SKIPPED)),
        col(JobRow.fingerprint).in_(offered(session, task, policy=policy)),
    )
    query = (
        select(JobRow)
        .where(*same, or_(live, done))
        .order_by(col(JobRow.created).desc(), col(JobRow.id).desc())
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


def _admit(admission: _Admission, priority: Priority, policy: Policy) -> None:
    if admission.mine >= policy.owner_queued:
        raise OwnerQueueFull(
            f"{policy.owner_queued} jobs of yours wait already; send more when some have ended",
            retry_after=timedelta(seconds=30),
        )
    if admission.all >= policy.server_queued * (1 if priority is Priority.BATCH else 2):
        raise ServerQueueFull(
            "too many jobs wait in this server; try again later",
            retry_after=timedelta(minutes=1),
        )


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
