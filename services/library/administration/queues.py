"""The queue of each task: how many jobs, which waits longest, and why."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.admin import OldestJob, TaskQueue
from contracts.ids import JobId, OwnerId
from contracts.jobs import JobState, TaskName
from kit.database.engine import database_of
from services.library.administration.workers import list_workers
from services.library.estimates.run_times import run_times
from services.library.jobs.policy import Policy
from services.library.jobs.queue_position import queue_state
from services.library.jobs.tables import JobRow, in_state


async def list_queues(session: AsyncSession, *, policy: Policy) -> tuple[TaskQueue, ...]:
    """Return the queue of every task, also of those without jobs."""
    counts = {state: await _counts(session, state) for state in (JobState.QUEUED, JobState.RUNNING)}
    workers = [worker for worker in await list_workers(session, policy=policy) if worker.online]
    times = await run_times(session)
    now = await database_of(session).time(session)
    queues = []
    for task in TaskName:
        online = [worker for worker in workers if worker.task is task]
        queued = counts[JobState.QUEUED].get(task, 0)
        queues.append(
            TaskQueue(
                task=task,
                queued=queued,
                running=counts[JobState.RUNNING].get(task, 0),
                workers=len(online),
                slots=sum(worker.slots for worker in online),
                median_run=times[task].median_run if task in times else None,
                oldest=await _oldest(session, task, now, policy) if queued else None,
            )
        )
    return tuple(queues)


async def _counts(session: AsyncSession, state: JobState) -> dict[str, int]:
    query = select(col(JobRow.task), func.count()).where(in_state(state)).group_by(col(JobRow.task))
    return dict((await session.execute(query)).all())


async def _oldest(
    session: AsyncSession, task: TaskName, now: datetime, policy: Policy
) -> OldestJob | None:
    query = (
        select(JobRow)
        .where(in_state(JobState.QUEUED), col(JobRow.task) == task)
        .order_by(col(JobRow.queued), col(JobRow.id))
        .limit(1)
    )
    row = (await session.scalars(query)).one_or_none()
    state = await queue_state(session, row, policy=policy) if row is not None else None
    if row is None or state is None:
        # It started in between.
        return None
    return OldestJob(
        job=JobId(row.id),
        owner=OwnerId(row.owner),
        queued=row.queued,
        age=max(0.0, (now - row.queued).total_seconds()),
        waiting_for=state.waiting_for,
        message=state.message,
    )
