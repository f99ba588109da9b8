"""Steps of runs: when one can start, what it reads, and the jobs that it comes to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import String, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.base import Message
from contracts.ids import JobId, OwnerId, RunId
from contracts.items import ArtifactKind, AudioFacts
from contracts.jobs import InputRef, JobState, Priority, TaskName
from contracts.pipelines import FromStep, PipelineSpec, Step
from contracts.subjects import Subject
from contracts.tasks import TASKS, UPLOAD_TASK
from kit.database.engine import database_of
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.catalogue.views import to_input_ref
from services.library.jobs.policy import Policy
from services.library.jobs.submission import NewJob, Quarantined, create
from services.library.jobs.tables import JobRow, ProducerRow
from services.library.pipelines.builtin import RENDER_CUTS, builtin_pipelines
from services.library.pipelines.job_facts import facts_digest
from services.library.pipelines.tables import RunRow

MAX_JOBS = 1000
"""Jobs, or inputs of one job, that a step may come to."""
WORKER_GONE = timedelta(days=1)
"""A worker that has not asked for work this long is not waited for by the server's pipelines."""

_CANONICAL = (
    select(ArtifactRow)
    .where(
        col(ArtifactRow.item) == bindparam("of_item", type_=String),
        col(ArtifactRow.kind) == ArtifactKind.CANONICAL,
    )
    .order_by(col(ArtifactRow.created).desc(), col(ArtifactRow.id).desc())
    .limit(1)
)


class StepState(Message):
    """What a run has decided of one step."""

    jobs: tuple[JobId, ...] = ()
    refused: tuple[str, ...] = ()
    """Why inputs could not be worked on at all."""
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class JobSummary:
    """What a run needs to know of a job."""

    state: JobState
    fraction: float


def can_start(
    step: Step, step_states: Mapping[str, StepState], jobs: Mapping[str, JobSummary]
) -> bool:
    """Return whether a step is undecided and everything that it waits for has ended."""
    if step.name in step_states:
        return False
    for name in step.waiting_for:
        before = step_states.get(name)
        if before is None or not all(_ended(jobs, job) for job in before.jobs):
            return False
    return True


def _ended(jobs: Mapping[str, JobSummary], job: str) -> bool:
    return job in jobs and jobs[job].state.terminal


class StepScheduler:
    """Starts steps of one run."""

    def __init__(
        self, session: AsyncSession, run: RunRow, policy: Policy, *, admitted: bool
    ) -> None:
        self._session = session
        self._run = run
        self._policy = policy
        self._admitted = admitted

    async def start(
        self, step: Step, step_states: Mapping[str, StepState], jobs: Mapping[str, JobSummary]
    ) -> StepState:
        """Create the jobs of a step whose sources have all ended."""
        if step.task not in TASKS:
            return StepState(refused=(f"unknown task: {step.task}",))
        if step.waiting_for and not await self._worth_waiting_for(step.task):
            return StepState(skipped=f"skipped: no worker for {step.task} on this server")
        if TASKS[step.task].separates_stems and not step.waiting_for:
            # The user's own stems are better than any that a network separates.
            mixed = await own_stems(self._session, self._run.item)
            if mixed is not None:
                return StepState(jobs=(mixed,))
        groups = await self._groups(step, step_states, jobs)
        if not groups:
            names = ", ".join(dict.fromkeys(source.step for source in step.inputs))
            return StepState(
                skipped=f"skipped: {names} produced no input" if names else "skipped: no audio"
            )
        if len(groups) > MAX_JOBS or max(map(len, groups)) > MAX_JOBS:
            return StepState(refused=(f"a step takes at most {MAX_JOBS} inputs",))
        jobs_of_step: list[JobId] = []
        refused: list[str] = []
        for group in groups:
            try:
                jobs_of_step.append(await self._job(step, group))
            except Quarantined as error:
                refused.append(error.reason.message)
        return StepState(jobs=tuple(dict.fromkeys(jobs_of_step)), refused=tuple(refused))

    async def _worth_waiting_for(self, task: TaskName) -> bool:
        """Return whether a step of this run may wait for a worker.

        A user's own pipeline always waits. Built-in pipelines and the one that renders cuts skip
        tasks that no worker has polled for in 24 hours.
        """
        name = PipelineSpec.model_validate(self._run.spec).name
        if name != RENDER_CUTS and name not in builtin_pipelines():
            return True
        return await recently_offered(self._session, task)

    async def _groups(
        self, step: Step, step_states: Mapping[str, StepState], jobs: Mapping[str, JobSummary]
    ) -> list[tuple[InputRef, ...]]:
        """Return the inputs of each job of a step."""
        own: tuple[InputRef, ...] = ()
        if step.include_item or not step.inputs:
            own = await self._item_audio()
        outputs = await self._outputs_of(step.inputs, step_states, jobs)
        side_inputs = await self._outputs_of(step.side_inputs, step_states, jobs)
        if not step.inputs:
            return [(*own, *side_inputs)] if own else []
        if step.batch:
            return [(*own, *outputs, *side_inputs)] if (*own, *outputs) else []
        return [(*own, output, *side_inputs) for output in outputs]

    async def _item_audio(self) -> tuple[InputRef, ...]:
        row = await canonical_audio(self._session, self._run.item)
        return (to_input_ref(row),) if row else ()

    async def _outputs_of(
        self,
        sources: Iterable[FromStep],
        step_states: Mapping[str, StepState],
        jobs: Mapping[str, JobSummary],
    ) -> tuple[InputRef, ...]:
        """Return what earlier steps made, in the order of the sources; what failed is left out."""
        refs: dict[str, InputRef] = {}
        for source in sources:
            good = [
                job
                for job in step_states[source.step].jobs
                if jobs[job].state is JobState.SUCCEEDED
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
                refs.setdefault(row.id, to_input_ref(row))
        return tuple(refs.values())

    async def _job(self, step: Step, inputs: tuple[InputRef, ...]) -> JobId:
        task = TASKS[step.task]
        query = select(col(ItemRow.audio), col(ItemRow.bpm))
        of_run = query.where(col(ItemRow.id) == self._run.item)
        audio, tempo = (await self._session.execute(of_run)).one()
        duration = AudioFacts.model_validate(audio).duration if audio else 0.0
        new = NewJob(
            subject=Subject.of_item(self._run.item),
            task=step.task,
            params=task.params.model_validate(step.params).model_dump(mode="json"),
            inputs=inputs,
            start_to_close_timeout=task.timeout(duration),
            tempo=tempo,
            facts_sha256=await facts_digest(
                self._session, task, Subject.of_item(self._run.item), inputs
            ),
            priority=Priority(self._run.priority),
            long=duration > self._policy.long_audio,
            force=self._run.force,
            run=RunId(self._run.id),
            step=step.name,
            admitted=self._admitted,
        )
        row, _ = await create(self._session, OwnerId(self._run.owner), new, policy=self._policy)
        # Who was let in with the first job is let in with all of them.
        self._admitted = True
        return JobId(row.id)


async def recently_offered(session: AsyncSession, task: TaskName) -> bool:
    """Return whether a worker asked for such work in the last day."""
    since = database_of(session).now(offset=-WORKER_GONE)
    offered = select(col(ProducerRow.task)).where(
        col(ProducerRow.task) == task, col(ProducerRow.last_seen) > since
    )
    return (await session.execute(offered.limit(1))).first() is not None


async def canonical_audio(session: AsyncSession, item: str) -> ArtifactRow | None:
    """Return the canonical audio of an item, once it has one."""
    return (await session.scalars(_CANONICAL, {"of_item": item})).one_or_none()


async def own_stems(session: AsyncSession, item: str) -> JobId | None:
    """Return the job that mixed the user's stems of a song; `None` if it is no multitrack."""
    query = (
        select(col(JobRow.id))
        .join(ArtifactRow, col(ArtifactRow.job) == col(JobRow.id))
        .where(
            col(ArtifactRow.item) == item,
            col(ArtifactRow.kind) == ArtifactKind.STEM,
            col(JobRow.item) == item,
            col(JobRow.task) == UPLOAD_TASK,
        )
        .order_by(col(JobRow.created).desc(), col(JobRow.id).desc())
        .limit(1)
    )
    job = (await session.execute(query)).scalar_one_or_none()
    return JobId(job) if job is not None else None
