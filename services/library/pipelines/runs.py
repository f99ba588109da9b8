"""Runs: a pipeline executed for one item, each step as soon as its inputs exist.

A run stores the state of its steps in its own row. A transaction that finishes a job locks the
job's row first, then the rows of the runs that wait for it: see `jobs.locks`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType

from sqlalchemy import String, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.events import RunFinished
from contracts.ids import JobId, OwnerId, RunId
from contracts.jobs import JobState, Priority, Progress
from contracts.pipelines import PipelineSpec, Run, RunState, Step, StepStatus
from contracts.subjects import Subject
from contracts.tasks import TASKS
from contracts.topics import LIBRARY_EVENTS
from kit.clock import new_id
from kit.database.engine import database_of
from kit.observability.tracing import current_traceparent
from services.library.catalogue.tables import ItemRow
from services.library.events.outbox import About, record
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow
from services.library.pipelines.steps import (
    JobSummary,
    StepScheduler,
    StepState,
    can_start,
)
from services.library.pipelines.tables import RunRow

_RUNNING = (
    select(RunRow)
    .where(
        col(RunRow.item) == bindparam("of_item", type_=String),
        col(RunRow.state) == RunState.RUNNING,
    )
    .order_by(col(RunRow.id))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
"""The running runs of an item, held."""


async def start_run(
    session: AsyncSession,
    item: ItemRow,
    spec: PipelineSpec,
    *,
    priority: Priority,
    force: bool,
    policy: Policy,
    finished: Mapping[str, JobId] = MappingProxyType({}),
) -> RunRow:
    """Begin a run of a checked pipeline over an item that is ready.

    Parameters
    ----------
    finished
        Jobs of the item that ended already, whose results count as those of steps, by step.

    Raises
    ------
    OwnerQueueFull, ServerQueueFull
    """
    run = RunRow(
        id=new_id(),
        owner=item.owner,
        item=item.id,
        spec=spec.model_dump(mode="json"),
        state=RunState.RUNNING.value,
        priority=priority.value,
        force=force,
        traceparent=current_traceparent(),
        steps={
            name: StepState(jobs=(job,)).model_dump(mode="json") for name, job in finished.items()
        },
        created=await database_of(session).time(session),
    )
    session.add(run)
    await session.flush()
    await advance(session, run, policy=policy, admitted=False)
    return run


async def hold_running(session: AsyncSession, item: str) -> Sequence[RunRow]:
    """Return the running runs of an item, and lock their rows until the transaction ends."""
    return list(await session.scalars(_RUNNING, {"of_item": item}))


async def advance_waiting(
    session: AsyncSession, runs: Sequence[RunRow], jobs: Set[str], *, policy: Policy
) -> None:
    """Advance those of some locked runs that wait for any of the jobs."""
    for run in runs:
        if any(not jobs.isdisjoint(step.jobs) for step in step_states_of(run).values()):
            await advance(session, run, policy=policy)


async def advance(
    session: AsyncSession, run: RunRow, *, policy: Policy, admitted: bool = True
) -> None:
    """Start every step of a held run that can start, and close the run when all have ended."""
    spec = PipelineSpec.model_validate(run.spec)
    step_states = step_states_of(run)
    jobs = await job_summaries(session, step_states)
    scheduler = StepScheduler(session, run, policy, admitted=admitted)
    while not run.cancel_requested:
        able = [step for step in spec.steps if can_start(step, step_states, jobs)]
        if not able:
            break
        for step in able:
            step_states[step.name] = await scheduler.start(step, step_states, jobs)
        # A job that is reused may have ended long ago, and let others start at once.
        jobs = await job_summaries(session, step_states)
    run.steps = {name: state.model_dump(mode="json") for name, state in step_states.items()}
    done = run.cancel_requested or len(step_states) == len(spec.steps)
    if done and not await _live(session, run, jobs):
        await _close(session, run, step_states, jobs)
    await session.flush()


async def own_live_jobs(session: AsyncSession, run: RunRow) -> Sequence[str]:
    """Return the jobs of a run that have not ended and that no other run waits for."""
    query = select(RunRow).where(
        col(RunRow.item) == run.item,
        col(RunRow.state) == RunState.RUNNING,
        col(RunRow.id) != run.id,
        col(RunRow.cancel_requested).is_(False),
    )
    shared = {
        job
        for other in await session.scalars(query)
        for state in step_states_of(other).values()
        for job in state.jobs
    }
    mine = select(col(JobRow.id)).where(
        col(JobRow.run) == run.id, col(JobRow.state).in_((JobState.QUEUED, JobState.RUNNING))
    )
    return [job for job in await session.scalars(mine) if job not in shared]


async def job_summaries(
    session: AsyncSession, step_states: Mapping[str, StepState]
) -> dict[str, JobSummary]:
    """Return how the jobs of a run stand, by id."""
    ids = {job for state in step_states.values() for job in state.jobs}
    query = select(col(JobRow.id), col(JobRow.state), col(JobRow.progress)).where(
        col(JobRow.id).in_(ids)
    )
    return {
        id_: JobSummary(JobState(state), Progress.model_validate(progress).fraction)
        for id_, state, progress in (await session.execute(query)).all()
    }


def step_states_of(run: RunRow) -> dict[str, StepState]:
    """Return what a run has decided so far, by step."""
    return {name: StepState.model_validate(state) for name, state in run.steps.items()}


def run_to_api(run: RunRow, jobs: Mapping[str, JobSummary]) -> Run:
    """Return a run as the API shows it."""
    spec = PipelineSpec.model_validate(run.spec)
    step_states = step_states_of(run)
    return Run(
        id=RunId(run.id),
        subject=Subject.of_item(run.item),
        pipeline=spec,
        state=RunState(run.state),
        progress=_progress(run, spec, step_states, jobs),
        steps=tuple(
            _status(step, step_states.get(step.name, StepState()), jobs) for step in spec.steps
        ),
        created=run.created,
        finished=run.finished,
    )


async def _live(session: AsyncSession, run: RunRow, jobs: Mapping[str, JobSummary]) -> bool:
    """Return whether a run still waits; one that was cancelled, only for jobs of its own."""
    if run.cancel_requested:
        return bool(await own_live_jobs(session, run))
    return any(not job.state.terminal for job in jobs.values())


async def _close(
    session: AsyncSession,
    run: RunRow,
    step_states: Mapping[str, StepState],
    jobs: Mapping[str, JobSummary],
) -> None:
    run.state = _outcome(run, step_states, jobs).value
    run.finished = await database_of(session).time(session)
    subject = Subject.of_item(run.item)
    data = RunFinished(run=RunId(run.id), subject=subject, state=RunState(run.state))
    about = About(
        event_subject=run.id,
        key=subject.id,
        owner=OwnerId(run.owner),
        subject=subject,
        run=RunId(run.id),
        traceparent=run.traceparent,
    )
    await record(session, LIBRARY_EVENTS, "run.finished", data, about=about)


def _outcome(
    run: RunRow, step_states: Mapping[str, StepState], jobs: Mapping[str, JobSummary]
) -> RunState:
    if run.cancel_requested:
        return RunState.CANCELLED
    ends = Counter(job.state for job in jobs.values())
    bad = ends[JobState.FAILED] + ends[JobState.CANCELLED]
    bad += sum(len(state.refused) for state in step_states.values())
    if not bad:
        return RunState.SUCCEEDED
    return RunState.PARTIAL if ends[JobState.SUCCEEDED] else RunState.FAILED


def _status(step: Step, state: StepState, jobs: Mapping[str, JobSummary]) -> StepStatus:
    reason = state.skipped or ("; ".join(state.refused)[:2000] if state.refused else None)
    return StepStatus(
        name=step.name,
        task=step.task,
        jobs=state.jobs,
        states=tuple(jobs[job].state for job in state.jobs if job in jobs),
        skip_reason=reason,
    )


def _progress(
    run: RunRow,
    spec: PipelineSpec,
    step_states: Mapping[str, StepState],
    jobs: Mapping[str, JobSummary],
) -> Progress:
    if run.state != RunState.RUNNING:
        return Progress(fraction=1.0)
    done = total = 0.0
    busy: list[str] = []
    for step in spec.steps:
        weight = TASKS[step.task].weight if step.task in TASKS else 1.0
        total += weight
        if (state := step_states.get(step.name)) is None:
            continue
        known = [jobs[job] for job in state.jobs if job in jobs]
        parts = [1.0 if job.state.terminal else job.fraction for job in known]
        done += weight * (sum(parts) / len(parts) if parts else 1.0)
        if any(not job.state.terminal for job in known):
            busy.append(step.name)
    return Progress(fraction=min(1.0, done / total), message=", ".join(busy)[:200])
