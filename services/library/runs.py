"""Runs: a pipeline walked over one item, each step as soon as what it reads is there.

A run keeps in its own row what was decided of each step. Whoever ends a job holds that job's row,
then the rows of the runs that wait for it; nobody takes them the other way round.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.base import Said
from contracts.events import RunFinished
from contracts.ids import ItemId, JobId, OwnerId, RunId
from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.jobs import InputRef, JobClass, JobState, Progress, TaskName
from contracts.pipelines import FromStep, PipelineSpec, Run, RunState, Step, StepStatus
from contracts.tasks import TASKS
from contracts.topics import LIBRARY_EVENTS
from kit.clock import new_id
from kit.database.engine import database_of
from kit.observability.tracing import current_traceparent
from services.library.artifacts import ingest_failed
from services.library.builtin import builtin_pipelines
from services.library.facts import as_input
from services.library.jobs import NewJob, Quarantined, create
from services.library.outbox import About, record
from services.library.policy import Policy
from services.library.tables import ArtifactRow, ItemRow, JobRow, MakeRow, RunRow

MOST_JOBS = 1000
"""Jobs, or inputs of one job, that a step may come to."""
WORKER_GONE = timedelta(days=1)
"""A worker that has not asked for work this long is not waited for by the house's pipelines."""


class Decided(Said):
    """What a run has decided of one step."""

    jobs: tuple[JobId, ...] = ()
    refused: tuple[str, ...] = ()
    """Why inputs could not be worked on at all."""
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class JobGlance:
    """What a run needs to know of a job."""

    state: JobState
    fraction: float


async def start_run(
    session: AsyncSession,
    item: ItemRow,
    spec: PipelineSpec,
    *,
    priority: JobClass,
    force: bool,
    policy: Policy,
) -> RunRow:
    """Begin a run of a checked pipeline over an item that is ready.

    Raises
    ------
    OwnerQueueFull, HouseQueueFull
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
        created=await database_of(session).time(session),
    )
    session.add(run)
    await session.flush()
    await advance(session, run, policy=policy, admitted=False)
    return run


async def job_ended(session: AsyncSession, row: JobRow, *, policy: Policy | None = None) -> None:
    """Do what follows of a job that has just reached its end."""
    policy = policy or Policy()
    if row.task == TaskName.INGEST:
        await _ingest_ended(session, row, policy)
    query = (
        select(RunRow)
        .where(col(RunRow.item) == row.item, col(RunRow.state) == RunState.RUNNING)
        .order_by(col(RunRow.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for run in list(await session.scalars(query)):
        if any(row.id in one.jobs for one in decided_of(run).values()):
            await advance(session, run, policy=policy)


async def advance(
    session: AsyncSession, run: RunRow, *, policy: Policy, admitted: bool = True
) -> None:
    """Start every step of a held run that can start, and close the run when all have ended."""
    spec = PipelineSpec.model_validate(run.spec)
    decided = decided_of(run)
    jobs = await glance(session, decided)
    walk = _Walk(session, run, policy, admitted=admitted)
    while not run.cancel_requested:
        able = [step for step in spec.steps if _can_start(step, decided, jobs)]
        if not able:
            break
        for step in able:
            decided[step.name] = await walk.start(step, decided, jobs)
        # A job that is reused may have ended long ago, and let others start at once.
        jobs = await glance(session, decided)
    run.steps = {name: one.model_dump(mode="json") for name, one in decided.items()}
    done = run.cancel_requested or len(decided) == len(spec.steps)
    if done and not await _live(session, run, jobs):
        await _close(session, run, decided, jobs)
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
        for one in decided_of(other).values()
        for job in one.jobs
    }
    mine = select(col(JobRow.id)).where(
        col(JobRow.run) == run.id, col(JobRow.state).in_((JobState.QUEUED, JobState.RUNNING))
    )
    return [job for job in await session.scalars(mine) if job not in shared]


async def glance(session: AsyncSession, decided: Mapping[str, Decided]) -> dict[str, JobGlance]:
    """Return how the jobs of a run stand, by id."""
    ids = {job for one in decided.values() for job in one.jobs}
    query = select(col(JobRow.id), col(JobRow.state), col(JobRow.progress)).where(
        col(JobRow.id).in_(ids)
    )
    return {
        id_: JobGlance(JobState(state), Progress.model_validate(progress).fraction)
        for id_, state, progress in (await session.execute(query)).all()
    }


def decided_of(run: RunRow) -> dict[str, Decided]:
    """Return what a run has decided so far, by step."""
    return {name: Decided.model_validate(one) for name, one in run.steps.items()}


def show_run(run: RunRow, jobs: Mapping[str, JobGlance]) -> Run:
    """Return a run as the API shows it."""
    spec = PipelineSpec.model_validate(run.spec)
    decided = decided_of(run)
    return Run(
        id=RunId(run.id),
        item=ItemId(run.item),
        pipeline=spec,
        state=RunState(run.state),
        progress=_progress(run, spec, decided, jobs),
        steps=tuple(_status(step, decided.get(step.name, Decided()), jobs) for step in spec.steps),
        created=run.created,
        finished=run.finished,
    )


class _Walk:
    """Starts steps of one run."""

    def __init__(
        self, session: AsyncSession, run: RunRow, policy: Policy, *, admitted: bool
    ) -> None:
        self._session = session
        self._run = run
        self._policy = policy
        self._admitted = admitted

    async def start(
        self, step: Step, decided: Mapping[str, Decided], jobs: Mapping[str, JobGlance]
    ) -> Decided:
        """Make the jobs of a step whose sources have all ended."""
        if step.task not in TASKS:
            return Decided(refused=(f"this house has no task {step.task} any more",))
        if step.waits_for and not await self._worth_waiting_for(step.task):
            return Decided(skipped=f"no worker for {step.task} runs in this house")
        groups = await self._groups(step, decided, jobs)
        if not groups:
            names = ", ".join(dict.fromkeys(source.step for source in step.inputs))
            return Decided(skipped=f"nothing to read came of {names}" if names else "no audio")
        if len(groups) > MOST_JOBS or max(map(len, groups)) > MOST_JOBS:
            return Decided(refused=(f"a step takes at most {MOST_JOBS} inputs",))
        made: list[JobId] = []
        refused: list[str] = []
        for group in groups:
            try:
                made.append(await self._job(step, group))
            except Quarantined as error:
                refused.append(error.failure.message)
        return Decided(jobs=tuple(dict.fromkeys(made)), refused=tuple(refused))

    async def _worth_waiting_for(self, task: TaskName) -> bool:
        """Return whether a job would be taken, as far as the house chose that there be one.

        What a user asks for by name waits for its worker. A pipeline of the house holds what the
        house can do at most: it leaves out what nobody has offered to do for a day.
        """
        if PipelineSpec.model_validate(self._run.spec).name not in builtin_pipelines():
            return True
        since = database_of(self._session).now(offset=-WORKER_GONE)
        offered = select(col(MakeRow.task)).where(
            col(MakeRow.task) == task, col(MakeRow.last_seen) > since
        )
        return (await self._session.execute(offered.limit(1))).first() is not None

    async def _groups(
        self, step: Step, decided: Mapping[str, Decided], jobs: Mapping[str, JobGlance]
    ) -> list[tuple[InputRef, ...]]:
        """Return the inputs of each job of a step."""
        own: tuple[InputRef, ...] = ()
        if step.with_item or not step.inputs:
            own = await self._item_audio()
        made = await self._made(step.inputs, decided, jobs)
        beside = await self._made(step.beside, decided, jobs)
        if not step.inputs:
            return [(*own, *beside)] if own else []
        if step.together:
            return [(*own, *made, *beside)] if (*own, *made) else []
        return [(*own, one, *beside) for one in made]

    async def _item_audio(self) -> tuple[InputRef, ...]:
        row = await canonical_of(self._session, self._run.item)
        return (as_input(row),) if row else ()

    async def _made(
        self,
        sources: Iterable[FromStep],
        decided: Mapping[str, Decided],
        jobs: Mapping[str, JobGlance],
    ) -> tuple[InputRef, ...]:
        """Return what earlier steps made, in the order of the sources; what failed is left out."""
        found: dict[str, InputRef] = {}
        for source in sources:
            good = [
                job for job in decided[source.step].jobs if jobs[job].state is JobState.SUCCEEDED
            ]
            query = (
                select(ArtifactRow)
                .where(col(ArtifactRow.job).in_(good))
                .where(col(ArtifactRow.item) == self._run.item)
                .where(col(ArtifactRow.kind) == source.kind)
                .order_by(col(ArtifactRow.id))
            )
            if source.stems:
                query = query.where(col(ArtifactRow.stem).in_(source.stems))
            for row in await self._session.scalars(query):
                found.setdefault(row.id, as_input(row))
        return tuple(found.values())

    async def _job(self, step: Step, inputs: tuple[InputRef, ...]) -> JobId:
        task = TASKS[step.task]
        query = select(col(ItemRow.audio)).where(col(ItemRow.id) == self._run.item)
        audio = (await self._session.execute(query)).scalar_one()
        duration = AudioFacts.model_validate(audio).duration if audio else 0.0
        new = NewJob(
            item=ItemId(self._run.item),
            task=step.task,
            params=task.params.model_validate(step.params).model_dump(mode="json"),
            inputs=inputs,
            budget=task.budget(duration),
            priority=JobClass(self._run.priority),
            force=self._run.force,
            run=RunId(self._run.id),
            step=step.name,
            admitted=self._admitted,
        )
        row, _ = await create(self._session, OwnerId(self._run.owner), new, policy=self._policy)
        # Who was let in with the first job is let in with all of them.
        self._admitted = True
        return JobId(row.id)


async def canonical_of(session: AsyncSession, item: str) -> ArtifactRow | None:
    """Return the canonical audio of an item, once it has one."""
    query = (
        select(ArtifactRow)
        .where(col(ArtifactRow.item) == item, col(ArtifactRow.kind) == ArtifactKind.CANONICAL)
        .order_by(col(ArtifactRow.created).desc(), col(ArtifactRow.id).desc())
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


async def _ingest_ended(session: AsyncSession, row: JobRow, policy: Policy) -> None:
    """Reject what could not be taken in; hear at once what a one-shot is."""
    if row.state != JobState.SUCCEEDED:
        await ingest_failed(session, row)
        return
    item = (await session.scalars(select(ItemRow).where(col(ItemRow.id) == row.item))).one()
    audio = await canonical_of(session, row.item)
    task = TASKS.get(TaskName.TAGGING)
    if item.kind != ItemKind.SAMPLE or audio is None or task is None:
        return
    new = NewJob(
        item=ItemId(item.id),
        task=TaskName.TAGGING,
        params=task.params().model_dump(mode="json"),
        inputs=(as_input(audio),),
        budget=task.budget(0.0),
        priority=JobClass(row.priority),
        admitted=True,
    )
    await create(session, OwnerId(item.owner), new, policy=policy)


def _can_start(step: Step, decided: Mapping[str, Decided], jobs: Mapping[str, JobGlance]) -> bool:
    if step.name in decided:
        return False
    for name in step.waits_for:
        before = decided.get(name)
        if before is None or not all(_ended(jobs, job) for job in before.jobs):
            return False
    return True


def _ended(jobs: Mapping[str, JobGlance], job: str) -> bool:
    return job in jobs and jobs[job].state.terminal


async def _live(session: AsyncSession, run: RunRow, jobs: Mapping[str, JobGlance]) -> bool:
    """Return whether a run still waits; one that was cancelled, only for jobs of its own."""
    if run.cancel_requested:
        return bool(await own_live_jobs(session, run))
    return any(not one.state.terminal for one in jobs.values())


async def _close(
    session: AsyncSession,
    run: RunRow,
    decided: Mapping[str, Decided],
    jobs: Mapping[str, JobGlance],
) -> None:
    run.state = _outcome(run, decided, jobs).value
    run.finished = await database_of(session).time(session)
    data = RunFinished(run=RunId(run.id), item=ItemId(run.item), state=RunState(run.state))
    about = About(
        subject=run.id,
        key=run.item,
        owner=OwnerId(run.owner),
        item=ItemId(run.item),
        run=RunId(run.id),
        traceparent=run.traceparent,
    )
    await record(session, LIBRARY_EVENTS, "run.finished", data, about=about)


def _outcome(
    run: RunRow, decided: Mapping[str, Decided], jobs: Mapping[str, JobGlance]
) -> RunState:
    if run.cancel_requested:
        return RunState.CANCELLED
    ends = Counter(one.state for one in jobs.values())
    bad = ends[JobState.FAILED] + ends[JobState.CANCELLED]
    bad += sum(len(one.refused) for one in decided.values())
    if not bad:
        return RunState.SUCCEEDED
    return RunState.PARTIAL if ends[JobState.SUCCEEDED] else RunState.FAILED


def _status(step: Step, one: Decided, jobs: Mapping[str, JobGlance]) -> StepStatus:
    reason = one.skipped or ("; ".join(one.refused)[:2000] if one.refused else None)
    return StepStatus(
        name=step.name,
        task=step.task,
        jobs=one.jobs,
        states=tuple(jobs[job].state for job in one.jobs if job in jobs),
        skipped=reason,
    )


def _progress(
    run: RunRow,
    spec: PipelineSpec,
    decided: Mapping[str, Decided],
    jobs: Mapping[str, JobGlance],
) -> Progress:
    if run.state != RunState.RUNNING:
        return Progress(fraction=1.0)
    done = total = 0.0
    busy: list[str] = []
    for step in spec.steps:
        weight = TASKS[step.task].weight if step.task in TASKS else 1.0
        total += weight
        if (one := decided.get(step.name)) is None:
            continue
        known = [jobs[job] for job in one.jobs if job in jobs]
        parts = [1.0 if job.state.terminal else job.fraction for job in known]
        done += weight * (sum(parts) / len(parts) if parts else 1.0)
        if any(not job.state.terminal for job in known):
            busy.append(step.name)
    return Progress(fraction=min(1.0, done / total), message=", ".join(busy)[:200])
