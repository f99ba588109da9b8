"""A job that meets a full disk waits for room: its tries are not counted, its time is."""

from datetime import timedelta

from sqlalchemy import update
from sqlmodel import col

from contracts.ids import WorkerId
from contracts.jobs import FailureKind, JobFailed, Reason, ReasonCode
from kit.clock import new_id
from services.library.jobs import outcomes
from services.library.jobs.tables import JobRow
from tests.library.job_store import Jobs


async def fail_with_full_disk(jobs: Jobs, job: str, **earlier: timedelta) -> JobRow:
    """Claim a job, as old as it is made to look, and say that its files found no room."""
    async with jobs.database.transaction() as session:
        times = {name: jobs.database.now(offset=-by) for name, by in earlier.items()}
        times["not_before"] = jobs.database.now()
        await session.execute(update(JobRow).where(col(JobRow.id) == job).values(times))
    claim = await jobs.claim()
    assert claim is not None
    failed = JobFailed(
        job=claim.job,
        epoch=claim.epoch,
        worker=WorkerId(new_id()),
        kind=FailureKind.RETRYABLE,
        reason=Reason(code=ReasonCode.STORE_FULL, message="There is no room left."),
    )
    async with jobs.database.transaction() as session:
        await outcomes.fail(session, failed, policy=jobs.policy)
    return await jobs.row(job)


async def backoff_of(jobs: Jobs, row: JobRow) -> timedelta:
    async with jobs.database.session() as session:
        return row.not_before - await jobs.database.time(session)


async def test_it_is_tried_as_long_as_it_may_wait_and_ever_less_often(jobs: Jobs) -> None:
    owner, item = await jobs.owner()
    job = (await jobs.create(owner, item, 1)).id
    for hours in range(2 * jobs.policy.retry.maximum_attempts):
        row = await fail_with_full_disk(jobs, job, queued=timedelta(hours=hours))
        assert (row.state, row.retries) == ("queued", 0)
        waits = await backoff_of(jobs, row)
        if hours:
            assert waits > jobs.policy.retry.maximum_interval - timedelta(minutes=1)
        else:
            assert waits <= jobs.policy.retry.initial_interval


async def test_it_ends_when_its_time_is_over_and_says_why(jobs: Jobs) -> None:
    owner, item = await jobs.owner()
    job = (await jobs.create(owner, item, 1)).id
    async with jobs.database.transaction() as session:
        soon = jobs.database.now(offset=timedelta(minutes=1))
        await session.execute(update(JobRow).values(schedule_to_close_deadline=soon))
    for _ in range(jobs.policy.retry.maximum_attempts):
        row = await fail_with_full_disk(jobs, job, queued=timedelta(hours=23))
    assert row.state == "failed"
    assert "There is no room left" in str(row.reason)
