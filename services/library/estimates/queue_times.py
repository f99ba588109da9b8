"""When queued jobs start and end, estimated from run times and the slots of workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.jobs import JobState, QueueState, WaitReason
from contracts.music import Seconds
from kit.database.actors import SERVICE, acting_as
from kit.database.engine import database_of
from services.library.catalogue.tables import ItemRow
from services.library.estimates.run_times import RunTime, audio_seconds, run_times
from services.library.jobs.policy import Policy
from services.library.jobs.queue_position import queue_state, queue_states
from services.library.jobs.tables import JobRow, WorkerRow, in_state


@dataclass(frozen=True, slots=True)
class Capacity:
    """The slots of a task's workers, and how many of them are in use."""

    slots: int
    running: int


async def job_queue(session: AsyncSession, row: JobRow, *, policy: Policy) -> QueueState | None:
    """Return the position of a job while it is queued, with the times when it starts and ends."""
    state = await queue_state(session, row, policy=policy)
    if state is None:
        return None
    return (await _with_times(session, [row], {row.id: state}, policy)).get(row.id)


async def job_queues(
    session: AsyncSession, rows: Sequence[JobRow], *, policy: Policy
) -> dict[str, QueueState]:
    """Return the same for those of an owner's jobs that are queued, by id."""
    states = await queue_states(session, rows, policy=policy)
    return await _with_times(session, rows, states, policy) if states else {}


async def capacities(session: AsyncSession, *, policy: Policy) -> dict[str, Capacity]:
    """Return the capacity of each task that has a worker or a running job.

    A worker all of whose slots are in use claims nothing, so its last claim may be long ago: at
    least the slots of running jobs count.
    """
    seen = database_of(session).now(offset=-policy.offered)
    slots = (
        select(col(WorkerRow.task), func.sum(col(WorkerRow.slots)))
        .where(col(WorkerRow.last_seen) > seen)
        .group_by(col(WorkerRow.task))
    )
    busy = (
        select(col(JobRow.task), func.count())
        .where(in_state(JobState.RUNNING))
        .group_by(col(JobRow.task))
    )
    with acting_as(SERVICE):  # It counts the jobs of others.
        offered = {task: int(count) for task, count in await session.execute(slots)}
        running = {task: int(count) for task, count in await session.execute(busy)}
    return {
        task: Capacity(max(offered.get(task, 0), running.get(task, 0)), running.get(task, 0))
        for task in offered.keys() | running.keys()
    }


def expected_start(ahead: int, run_time: RunTime, capacity: Capacity) -> Seconds:
    """Return in how many seconds a job starts that has so many others ahead.

    The jobs ahead are taken to run for the median of their task, and those that run now to be half
    done: of `n` jobs that share `s` busy slots, the next one ends in half a run time, each further
    one `1/s` of a run time later.
    """
    free = capacity.slots - capacity.running
    if ahead < free:
        return 0.0
    return run_time.median_run * (0.5 + (ahead - free) / capacity.slots)


async def _with_times(
    session: AsyncSession,
    rows: Sequence[JobRow],
    states: dict[str, QueueState],
    policy: Policy,
) -> dict[str, QueueState]:
    times = await run_times(session)
    if not times:
        return states
    available = await capacities(session, policy=policy)
    now = await database_of(session).time(session)
    queued = [row for row in rows if row.id in states]
    items = [row.item for row in queued if row.item is not None]
    lengths = select(col(ItemRow.id), col(ItemRow.audio)).where(col(ItemRow.id).in_(items))
    audio: dict[str, Any] = dict((await session.execute(lengths)).all())
    timed = {}
    for row in queued:
        state, run_time, capacity = states[row.id], times.get(row.task), available.get(row.task)
        if run_time is not None and capacity is not None and capacity.slots:
            start = expected_start(state.ahead, run_time, capacity)
            if state.waiting_for is WaitReason.RETRY:
                start = max(start, (row.not_before - now).total_seconds())
            length = audio_seconds(audio.get(row.item)) if row.item is not None else None
            end = start + run_time.expected(length)
            state = state.model_copy(
                update={"expected_start_s": round(start, 1), "expected_end_s": round(end, 1)}
            )
        timed[row.id] = state
    return timed
