"""What users request: jobs submitted and retried, runs started and cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col

from contracts.identity import Principal
from contracts.items import ItemState
from contracts.jobs import InputRef, JobCreate, JobState, Params, TaskName
from contracts.pipelines import RunCreate, RunState
from contracts.problems import FieldProblem, ProblemCode
from contracts.subjects import Subject, SubjectKind
from contracts.tasks import TASKS, UPLOAD_TASK, Task
from kit.database.engine import Database
from kit.http.errors import ProblemError, not_found
from services.library.access import Action
from services.library.catalogue.events import emit_item_changed
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.catalogue.views import to_input_ref
from services.library.jobs import submission
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.subjects import subject_of
from services.library.jobs.submission import (
    NewJob,
    NotAdmitted,
    Quarantined,
    ServerQueueFull,
    StorageFull,
)
from services.library.jobs.tables import JobRow
from services.library.pipelines.exports import (
    MAX_FILES,
    exported_items,
    latest_files,
    too_many_files,
)
from services.library.pipelines.job_facts import facts_digest
from services.library.pipelines.repository import PipelineRepository
from services.library.pipelines.runs import advance, own_live_jobs, start_run
from services.library.pipelines.steps import canonical_audio
from services.library.pipelines.store import check_steps, spec_named, with_params
from services.library.pipelines.tables import RunRow
from services.library.pipelines.validation import (
    check_kinds,
    check_stem,
    check_subject,
    check_weights,
    duration_of,
    require_ready_item,
    submittable_task,
    validate_params,
)

CANCELLED_AT_ONCE = 25
"""How many jobs one transaction cancels; each needs a few statements."""


async def submit_job(
    repository: Repository, request: JobCreate, *, policy: Policy
) -> tuple[JobRow, bool]:
    """Return a job for a request, and whether it is new.

    Raises
    ------
    ProblemError
    """
    task = submittable_task(request.task, field="body.task")
    params = validate_params(task, request.params, field="body.params")
    session = repository.session
    await check_weights(session, request.task, params, field="body.params")
    await hold_owner(session, repository.owner)
    work = await _work(repository, task, params, request)
    duration = sum(duration_of(item) for item in work.items)
    new = NewJob(
        subject=work.subject,
        task=request.task,
        params=params,
        inputs=work.inputs,
        start_to_close_timeout=task.timeout(duration),
        tempo=work.items[0].bpm if work.subject.item is not None else None,
        facts_sha256=await facts_digest(session, task, work.subject, work.inputs),
        priority=request.priority,
        long=duration > policy.long_audio,
        force=request.force,
    )
    try:
        return await submission.create(session, repository.owner, new, policy=policy)
    except (NotAdmitted, Quarantined) as error:
        raise refusal(error) from None


async def retry_job(
    repository: Repository, row: JobRow, changes: Params, *, policy: Policy
) -> JobRow:
    """Submit a failed, skipped or cancelled job again, as a new job with changed parameters.

    Retrying the ingest of a rejected item makes the item wait for its ingest again.

    Raises
    ------
    ProblemError
    """
    if row.state not in (JobState.FAILED, JobState.SKIPPED, JobState.CANCELLED):
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            f"This job is {row.state}; only one that failed, was skipped or was cancelled can be "
            "retried. To run a finished job again, POST /v1/jobs with `force`.",
        )
    session = repository.session
    task = TASKS.get(TaskName(row.task))
    params = row.params
    if changes and task is not None:
        params = validate_params(task, {**params, **changes}, field="body.parameters")
        await check_weights(session, TaskName(row.task), params, field="body.parameters")
    await hold_owner(session, repository.owner)
    item = await repository.item(row.item, Action.RUN, hold=True) if row.item else None
    if row.task == UPLOAD_TASK and item is not None:
        if item.state != ItemState.REJECTED:
            raise ProblemError(ProblemCode.WRONG_STATE, f"This item is {item.state} already.")
        item.state, item.rejection = ItemState.INGESTING.value, None
        await session.flush()
        await emit_item_changed(session, item)
    inputs = [InputRef.model_validate(ref) for ref in row.inputs]
    facts = await facts_digest(session, task, subject_of(row), inputs) if task else None
    try:
        return await submission.create_again(
            session,
            repository.owner,
            row,
            params=params,
            tempo=item.bpm if item is not None else None,
            facts_sha256=facts,
            policy=policy,
        )
    except (NotAdmitted, Quarantined) as error:
        raise refusal(error) from None


async def request_run(
    repository: PipelineRepository, request: RunCreate, *, policy: Policy
) -> RunRow:
    """Start a run of a stored, built-in or enclosed pipeline over an item.

    Raises
    ------
    ProblemError
    """
    if isinstance(request.pipeline, str):
        stored = await spec_named(repository, request.pipeline)
        spec = check_steps(stored, field="pipeline.steps")
    else:
        spec = check_steps(request.pipeline, field="body.pipeline.steps")
    spec = with_params(spec, request.params, field="body.params")
    for step in spec.steps:
        field = f"body.params.{step.name}"
        await check_weights(repository.session, step.task, step.params, field=field)
    await hold_owner(repository.session, repository.owner)
    item = await require_ready_item(repository, request.item)
    if isinstance(request.pipeline, str):
        check_stem(item, request.pipeline)
    try:
        return await start_run(
            repository.session,
            item,
            spec,
            priority=request.priority,
            force=request.force,
            policy=policy,
        )
    except NotAdmitted as error:
        raise refusal(error) from None


async def cancel_run(database: Database, principal: Principal, run: str, *, policy: Policy) -> None:
    """Cancel a run and those of its jobs that no other run waits for.

    Several transactions, each of a bounded number of jobs. If the server stops in between, the run
    keeps `cancel_requested`, so the jobs that are left are cancelled by the next request, and the
    run ends with the last of them.

    Raises
    ------
    ProblemError
    """
    jobs = await _request_cancellation(database, principal, run)
    for start in range(0, len(jobs), CANCELLED_AT_ONCE):
        # Apart from the run, because a job's row is locked before a run's.
        async with database.transaction() as session:
            await hold_owner(session, principal.owner)
            for job in sorted(jobs[start : start + CANCELLED_AT_ONCE]):
                await submission.cancel(session, principal.owner, job)
    async with database.transaction() as session:
        await hold_owner(session, principal.owner)
        row = await PipelineRepository(session, principal).run(run, Action.RUN, hold=True)
        if row.state == RunState.RUNNING:
            await advance(session, row, policy=policy)


async def _request_cancellation(
    database: Database, principal: Principal, run: str
) -> Sequence[str]:
    """Mark a running run as cancelled; return its jobs that no other run waits for."""
    async with database.transaction() as session:
        row = await PipelineRepository(session, principal).run(run, Action.RUN, hold=True)
        if row.state != RunState.RUNNING:
            return ()
        row.cancel_requested = True
        await session.flush()
        return await own_live_jobs(session, row)


def refusal(error: NotAdmitted | Quarantined) -> ProblemError:
    """Return the API's answer to a job that is not admitted."""
    if isinstance(error, Quarantined):
        return ProblemError(ProblemCode.QUARANTINED, error.reason.message)
    if isinstance(error, StorageFull):
        return ProblemError(ProblemCode.QUOTA_EXCEEDED, error.message)
    full = isinstance(error, ServerQueueFull)
    return ProblemError(
        ProblemCode.UNAVAILABLE if full else ProblemCode.TOO_MANY_REQUESTS,
        error.message,
        retry_after=int(error.retry_after.total_seconds()),
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """What a requested job works on and reads."""

    subject: Subject
    items: Sequence[ItemRow]
    inputs: tuple[InputRef, ...]


async def _work(repository: Repository, task: Task, params: Params, request: JobCreate) -> _Work:
    """Return what a job works on and reads. Raises `ProblemError`."""
    if request.item is not None:
        item = await require_ready_item(repository, request.item)
        inputs = await _inputs(repository, task, params, item, request)
        return _Work(Subject.of_item(item.id), (item,), inputs)
    assert request.collection is not None
    check_subject(request.task, task, SubjectKind.COLLECTION, field="body.collection")
    collection, items = await exported_items(
        repository, request.collection, field="body.collection"
    )
    files = await _read_files(repository, task, params, items, members=True)
    if len(files) > MAX_FILES:
        raise too_many_files(
            "The items of this collection have more files", field="body.collection"
        )
    refs = tuple(map(to_input_ref, files))
    if not refs:
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            "The items of this collection have none of the files that this job reads.",
        )
    subject = Subject(kind=SubjectKind.COLLECTION, id=collection.row.id)
    return _Work(subject, items, refs)


async def _read_files(
    repository: Repository,
    task: Task,
    params: Params,
    items: Sequence[ItemRow],
    *,
    members: bool,
) -> Sequence[ArtifactRow]:
    """Return the files of items that a task reads by its own choice. Raises `ProblemError`."""
    assert task.kinds_of is not None
    kinds = task.kinds_of(task.params.model_validate(params), members=members)
    if not kinds:
        text = "with these parameters this task takes no collection"
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            f"{text.capitalize()}. Submit it for an item.",
            fields=(FieldProblem(field="body.collection", message=text),),
        )
    return await latest_files(repository.session, [item.id for item in items], kinds)


async def _inputs(
    repository: Repository, task: Task, params: Params, item: ItemRow, request: JobCreate
) -> tuple[InputRef, ...]:
    if not request.inputs and task.kinds_of is not None:
        files = await _read_files(repository, task, params, (item,), members=False)
        if len(files) > MAX_FILES:
            raise too_many_files("This item has more files", field="body.item")
        if not files:
            raise ProblemError(
                ProblemCode.WRONG_STATE,
                "This item has none of the files that this job reads. Run a pipeline that creates "
                "them first, such as `full`.",
            )
        refs: Sequence[InputRef] = [to_input_ref(row) for row in files]
    elif not request.inputs:
        audio = await canonical_audio(repository.session, item.id)
        if audio is None:
            raise ProblemError(ProblemCode.WRONG_STATE, "This item has no audio to work on.")
        refs = (to_input_ref(audio),)
    else:
        refs = await _artifacts(repository, item, request)
    check_kinds(request.task, task, [ref.kind for ref in refs], field="body.inputs")
    return tuple(refs)


async def _artifacts(
    repository: Repository, item: ItemRow, request: JobCreate
) -> Sequence[InputRef]:
    ids = tuple(dict.fromkeys(request.inputs))
    query = repository.artifacts.select_few().where(col(ArtifactRow.id).in_(ids))
    rows = {row.id: row for row in await repository.session.scalars(query)}
    if len(rows) < len(ids):
        raise not_found()
    if foreign := [id_ for id_ in ids if rows[id_].item != item.id]:
        text = f"Artifact {foreign[0]} is of another item."
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            text,
            fields=(FieldProblem(field="body.inputs", message=text),),
        )
    return [to_input_ref(rows[id_]) for id_ in ids]
