"""How attempts end: completed, skipped, failed, given back, or never heard of again.

Each takes the epoch of the attempt it speaks of; if that is not the one that runs, nothing
changes and nothing is returned (R8).
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.jobs import (
    FailureKind,
    JobFailed,
    JobQuarantined,
    JobState,
    Producer,
    Progress,
    Reason,
    ReasonCode,
    ResultData,
    StoredFile,
)
from contracts.topics import DEAD_LETTERS
from kit.database.engine import database_of
from services.library.events.outbox import record
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow, in_state
from services.library.jobs.transitions import (
    about,
    current,
    finish,
    finish_attempt,
    requeue_attempt,
)

_DONE = Progress(fraction=1.0).model_dump(mode="json")


async def complete(
    session: AsyncSession,
    job: str,
    epoch: int,
    *,
    producer: Producer,
    result: ResultData,
    files: tuple[StoredFile, ...] = (),
) -> JobRow | None:
    """RUNNING to SUCCEEDED, with the result, its provenance and the stored files."""
    values = {"result": result, "progress": _DONE, **_provenance(producer)}
    return await finish_attempt(session, job, epoch, JobState.SUCCEEDED, to=values, files=files)


async def skip(
    session: AsyncSession, job: str, epoch: int, *, producer: Producer, reason: Reason
) -> JobRow | None:
    """RUNNING to SKIPPED: there was nothing to do."""
    values = {"progress": _DONE, **_provenance(producer)}
    return await finish_attempt(session, job, epoch, JobState.SKIPPED, to=values, reason=reason)


async def fail(session: AsyncSession, failed: JobFailed, *, policy: Policy) -> JobRow | None:
    """RUNNING to FAILED, or back to QUEUED where trying again may help (R16, R17)."""
    row = await current(session, failed.job, failed.epoch)
    if row is None:
        return None
    if row.cancel_requested:
        return await finish(session, row, JobState.CANCELLED)
    detail = {"detail": failed.detail}
    match failed.kind:
        case FailureKind.REJECTED | FailureKind.TIMEOUT:
            return await finish(session, row, JobState.FAILED, to=detail, reason=failed.reason)
        case FailureKind.CRASH:
            return await _crashed(session, row, failed, policy)
        case FailureKind.RETRYABLE | FailureKind.INTERNAL:
            return await _faulted(session, row, failed, policy)


async def release(session: AsyncSession, job: str, epoch: int) -> JobRow | None:
    """RUNNING to QUEUED with the attempt refunded; to CANCELLED if nobody wants it (R21, R22)."""
    row = await current(session, job, epoch)
    if row is None:
        return None
    if row.cancel_requested:
        return await finish(session, row, JobState.CANCELLED)
    return await requeue_attempt(session, row, {"attempt": row.attempt - 1})


async def lease_expired(
    session: AsyncSession, job: str, epoch: int, *, policy: Policy
) -> JobRow | None:
    """RUNNING to QUEUED because the lease ran out: nobody's fault, so it runs again (R9, R17)."""
    row = await current(session, job, epoch)
    if row is None:
        return None
    if not await _holds(session, row, col(JobRow.lease_until) < database_of(session).now()):
        return None
    times = row.lost + 1
    message = f"{times} workers in a row went silent over this job. Try it again later."
    return await _lost(session, row, policy, message=message)


async def requeue(session: AsyncSession, job: str, epoch: int, *, policy: Policy) -> JobRow | None:
    """RUNNING to QUEUED because the process of its worker has ended without giving it back.

    It counts as lost, for the job may be what took the process down. A process that is told to
    stop gives its jobs back first, and those are not found here.
    """
    row = await current(session, job, epoch)
    if row is None:
        return None
    message = (
        f"The server ended unexpectedly {row.lost + 1} times while it worked on this. The work may "
        "need more memory than the server has: use a shorter file, or give the server more memory."
    )
    return await _lost(session, row, policy, message=message)


async def time_out(session: AsyncSession, job: str, epoch: int, *, policy: Policy) -> JobRow | None:
    """RUNNING to FAILED because its worker did not end it in time (R19)."""
    row = await current(session, job, epoch)
    if row is None:
        return None
    late = col(JobRow.deadline) < database_of(session).now(offset=-policy.overrun)
    if not await _holds(session, row, late):
        return None
    if row.cancel_requested:
        return await finish(session, row, JobState.CANCELLED)
    reason = Reason(
        code=ReasonCode.TIMEOUT,
        message=f"The work was not done within the {row.start_to_close_timeout:.0f} s it is given.",
    )
    return await finish(session, row, JobState.FAILED, reason=reason)


async def expire(session: AsyncSession, job: str) -> JobRow | None:
    """QUEUED to FAILED because nobody took it in time (R19)."""
    now = database_of(session).now()
    never = (col(JobRow.epoch) == 0) & (col(JobRow.schedule_to_start_deadline) < now)
    query = (
        select(JobRow)
        .where(col(JobRow.id) == job, in_state(JobState.QUEUED))
        .where(or_(never, col(JobRow.schedule_to_close_deadline) < now))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    row = (await session.scalars(query)).one_or_none()
    if row is None:
        return None
    reason = Reason(
        code=ReasonCode.EXPIRED,
        message=(
            "No worker took this job in time. Check that a worker for "
            f"{row.task} runs, then ask again."
        ),
    )
    return await finish(session, row, JobState.FAILED, reason=reason)


async def overdue(session: AsyncSession, *, policy: Policy) -> Sequence[JobRow]:
    """Return jobs whose lease or time has run out, or that waited too long; the oldest first."""
    database = database_of(session)
    now = database.now()
    runs = in_state(JobState.RUNNING) & or_(
        col(JobRow.lease_until) < now,
        col(JobRow.deadline) < database.now(offset=-policy.overrun),
    )
    never = (col(JobRow.epoch) == 0) & (col(JobRow.schedule_to_start_deadline) < now)
    waits = in_state(JobState.QUEUED) & or_(never, col(JobRow.schedule_to_close_deadline) < now)
    query = select(JobRow).where(or_(runs, waits)).order_by(col(JobRow.queued)).limit(500)
    return list(await session.scalars(query))


async def resolve_overdue(session: AsyncSession, row: JobRow, *, policy: Policy) -> JobRow | None:
    """End or requeue a job that `overdue` returned, if it is overdue still."""
    if row.state == JobState.QUEUED:
        return await expire(session, row.id)
    if late := await time_out(session, row.id, row.epoch, policy=policy):
        return late
    return await lease_expired(session, row.id, row.epoch, policy=policy)


async def _lost(
    session: AsyncSession, row: JobRow, policy: Policy, *, message: str
) -> JobRow | None:
    """Count a held job's lost attempt: it runs again after a pause, or has failed."""
    if row.cancel_requested:
        return await finish(session, row, JobState.CANCELLED)
    lost = row.lost + 1
    if lost > policy.retry.maximum_lost:
        reason = Reason(code=ReasonCode.EXHAUSTED, message=message)
        return await finish(session, row, JobState.FAILED, to={"lost": lost}, reason=reason)
    # The first loss is most often a process that was stopped: the job does not wait for it.
    pause = policy.retry.interval(lost - 1) if lost > 1 else timedelta()
    return await requeue_attempt(session, row, {"lost": lost}, pause=pause)


async def _crashed(
    session: AsyncSession, row: JobRow, failed: JobFailed, policy: Policy
) -> JobRow | None:
    crashes = row.crashes + 1
    values = {"crashes": crashes, "detail": failed.detail}
    if crashes < policy.retry.maximum_crashes:
        return await requeue_attempt(session, row, values, pause=policy.retry.interval(crashes))
    reason = Reason(
        code=ReasonCode.CRASH,
        message=(
            f"Working on this audio broke the program down {crashes} times, so it is in "
            "quarantine. Try another version of the file."
        ),
    )
    ended = await finish(session, row, JobState.FAILED, to=values, reason=reason)
    if ended is not None:
        data = JobQuarantined(
            job=failed.job,
            epoch=failed.epoch,
            worker=failed.worker,
            inputs=tuple(i["sha256"] for i in row.inputs),
            detail=failed.detail,
        )
        await record(session, DEAD_LETTERS, "job.quarantined", data, about=about(ended))
    return ended


async def _faulted(
    session: AsyncSession, row: JobRow, failed: JobFailed, policy: Policy
) -> JobRow | None:
    now = await database_of(session).time(session)
    if failed.reason.code == ReasonCode.STORE_FULL:
        # A full store gets room when somebody frees some, not after a number of attempts. So the
        # job is retried until it expires, less often the longer it has waited.
        retry = policy.retry
        waited = (now - row.queued) / 4
        pause = max(retry.initial_interval, min(retry.maximum_interval, waited))
        if now + pause < row.schedule_to_close_deadline:
            return await requeue_attempt(session, row, {"detail": failed.detail}, pause=pause)
    retries = row.retries + 1
    values = {"retries": retries, "detail": failed.detail}
    pause = policy.retry.interval(retries)
    if retries < policy.retry.maximum_attempts and now + pause < row.schedule_to_close_deadline:
        return await requeue_attempt(session, row, values, pause=pause)
    code = ReasonCode.EXHAUSTED
    if failed.kind is FailureKind.INTERNAL:
        code = ReasonCode.INTERNAL
    message = f"It was tried {retries} times; the last time: {failed.reason.message}"
    reason = Reason(code=code, message=message[:2000])
    return await finish(session, row, JobState.FAILED, to=values, reason=reason)


async def _holds(session: AsyncSession, row: JobRow, condition: object) -> bool:
    """Return whether a condition holds of a row, by the database's own clock."""
    query = select(col(JobRow.id)).where(col(JobRow.id) == row.id, condition)  # type: ignore[arg-type]
    return (await session.execute(query)).scalar_one_or_none() is not None


def _provenance(producer: Producer) -> dict[str, object]:
    return {"producer": producer.model_dump(mode="json"), "fingerprint": producer.fingerprint}
