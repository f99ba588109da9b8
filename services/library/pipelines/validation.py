"""What users ask workers for: parameters and inputs checked before anything is stored."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.items import ArtifactKind, AudioFacts, ItemState
from contracts.jobs import InputRef, JobCreate, Params, Producer, TaskName
from contracts.problems import FieldProblem, ProblemCode
from contracts.subjects import Subject
from contracts.tasks import TASKS, Task
from kit.database.engine import database_of
from kit.http.errors import ProblemError, field_problems, not_found
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.catalogue.views import to_input_ref
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.submission import (
    NewJob,
    NotAdmitted,
    Quarantined,
    ServerQueueFull,
    StorageFull,
    create,
)
from services.library.jobs.tables import JobRow, ProducerRow
from services.library.pipelines.builtin import NEEDS_STEM
from services.library.pipelines.steps import WORKER_GONE, canonical_audio

MAX_TOLD = 200
"""A worker's list of weights is cut at this length, and then says nothing of what it lacks."""


async def submit_job(
    repository: Repository, asked: JobCreate, *, policy: Policy
) -> tuple[JobRow, bool]:
    """Return a job for what a user asks, and whether it is new.

    Raises
    ------
    ProblemError
    """
    task = task_by_hand(asked.task, field="body.task")
    params = validate_params(task, asked.params, field="body.params")
    session = repository.session
    await check_weights(session, asked.task, params, field="body.params")
    await hold_owner(session, repository.owner)
    item = await require_ready_item(repository, asked.item)
    duration = duration_of(item)
    new = NewJob(
        subject=Subject.of_item(item.id),
        task=asked.task,
        params=params,
        inputs=await _inputs(repository, task, item, asked),
        start_to_close_timeout=task.timeout(duration),
        tempo=item.bpm,
        priority=asked.priority,
        long=duration > policy.long_audio,
        force=asked.force,
    )
    try:
        return await create(session, repository.owner, new, policy=policy)
    except (NotAdmitted, Quarantined) as error:
        raise refusal(error) from None


def task_by_hand(name: TaskName, *, field: str) -> Task:
    """Return a task that users may ask for. Raises `ProblemError`."""
    task = TASKS.get(name)
    if task is not None and task.user_submittable:
        return task
    if task is not None and task.starts_item:
        text = "An upload starts ingest by itself; a failed one can be tried again with retry."
    else:
        text = f"This server has no task {name.value!r}; GET /v1/tasks lists those it has."
    raise ProblemError(
        ProblemCode.INVALID_REQUEST, text, fields=(FieldProblem(field=field, message=text),)
    )


def validate_params(task: Task, given: dict[str, Any], *, field: str) -> Params:
    """Return parameters with every default filled in, as the task's own model says.

    Raises
    ------
    ProblemError
    """
    try:
        asked: BaseModel = task.params.model_validate(given)
    except ValidationError as error:
        raise ProblemError(
            ProblemCode.INVALID_PARAMETERS,
            "The task does not take these parameters; see `fields`, and GET /v1/tasks.",
            fields=[
                FieldProblem(field=f"{field}.{one.field}", message=_of_task(task, one))
                for one in field_problems(error)
            ],
        ) from None
    return asked.model_dump(mode="json")


def _of_task(task: Task, found: FieldProblem) -> str:
    known = task.params.model_fields
    if "." in found.field or found.field in known:
        return found.message
    return f"there is no such parameter; there are {', '.join(known)}"


async def check_weights(
    session: AsyncSession, name: TaskName, params: Params, *, field: str
) -> None:
    """Raise `ProblemError` if a job names weights that no worker of its task has.

    Nothing is said against weights while no worker has told what it has.
    """
    if (wanted := params.get("weights")) is None:
        return
    newest = select(func.max(col(ProducerRow.last_seen))).where(col(ProducerRow.task) == name)
    since = database_of(session).now(offset=-WORKER_GONE)
    query = select(col(ProducerRow.producer)).where(
        col(ProducerRow.task) == name,
        or_(
            col(ProducerRow.last_seen) > since,
            col(ProducerRow.last_seen) == newest.scalar_subquery(),
        ),
    )
    producers = [Producer.model_validate(producer) for producer in await session.scalars(query)]
    there = sorted({one for producer in producers for one in producer.weights.split(", ") if one})
    if any(len(producer.weights) >= MAX_TOLD for producer in producers):
        return
    # Networks that work together have a name each, which begins with that of all of them.
    if not there or any(one == wanted or one.startswith(f"{wanted}-") for one in there):
        return
    choices = TASKS[name].params.model_json_schema().get("$defs", {}).get("Weights", {}).get("enum")
    if choices:
        there = [c for c in choices if any(one == c or one.startswith(f"{c}-") for one in there)]
    text = (
        f"no worker here has the weights {wanted!r}; choose from {', '.join(there)}, or have the "
        f"others fetched where the worker runs: python -m kit.weights fetch {name.value} --all"
    )
    raise ProblemError(
        ProblemCode.INVALID_PARAMETERS,
        f"The weights {wanted!r} are not here; see `fields`.",
        fields=(FieldProblem(field=f"{field}.weights", message=text),),
    )


async def require_ready_item(repository: Repository, id_: str) -> ItemRow:
    """Return an item that work can be done on. Raises `ProblemError`."""
    item = await repository.item(id_, Action.RUN)
    if item.state == ItemState.READY:
        return item
    if item.state == ItemState.REJECTED:
        text = f"This item was rejected when it was taken in: {item.rejection}"
    else:
        text = "This item is still being taken in; wait for its ingest job."
    raise ProblemError(ProblemCode.WRONG_STATE, text)


def check_stem(item: ItemRow, pipeline: str) -> None:
    """Raise `ProblemError` if a built-in pipeline is for a stem that an item is not."""
    needed = NEEDS_STEM.get(pipeline)
    if needed is None or item.stem == needed:
        return
    said = f"is declared as {item.stem}" if item.stem else "is not declared as any stem"
    text = (
        f"The pipeline {pipeline!r} is for items that hold {needed.value} alone, and this one "
        f"{said}. If that is what it holds, say so first: PATCH the item with "
        f'{{"stem": "{needed.value}"}} (cratedig edit ITEM --stem {needed.value}); else run '
        "samples or full, which separate it."
    )
    raise ProblemError(ProblemCode.WRONG_STATE, text)


def duration_of(item: ItemRow) -> float:
    """Return an item's length in seconds."""
    return AudioFacts.model_validate(item.audio).duration if item.audio else 0.0


def refusal(error: NotAdmitted | Quarantined) -> ProblemError:
    """Return what the API answers when a job is not taken."""
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


async def _inputs(
    repository: Repository, task: Task, item: ItemRow, asked: JobCreate
) -> tuple[InputRef, ...]:
    if not asked.inputs:
        audio = await canonical_audio(repository.session, item.id)
        if audio is None:
            raise ProblemError(ProblemCode.WRONG_STATE, "This item has no audio to work on.")
        refs: Sequence[InputRef] = (to_input_ref(audio),)
    else:
        refs = await _artifacts(repository, item, asked)
    check_kinds(asked.task, task, [ref.kind for ref in refs], field="body.inputs")
    return tuple(refs)


async def _artifacts(repository: Repository, item: ItemRow, asked: JobCreate) -> Sequence[InputRef]:
    wanted = tuple(dict.fromkeys(asked.inputs))
    query = repository.artifacts.select().where(col(ArtifactRow.id).in_(wanted))
    rows = {row.id: row for row in await repository.session.scalars(query)}
    if len(rows) < len(wanted):
        raise not_found()
    if foreign := [id_ for id_ in wanted if rows[id_].item != item.id]:
        text = f"Artifact {foreign[0]} is of another item."
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            text,
            fields=(FieldProblem(field="body.inputs", message=text),),
        )
    return [to_input_ref(rows[id_]) for id_ in wanted]


def check_kinds(name: TaskName, task: Task, kinds: Sequence[ArtifactKind], *, field: str) -> None:
    """Raise `ProblemError` unless a task takes inputs of these kinds together."""
    if _fits(task, kinds):
        return
    reads = ", ".join(sorted(task.reads))
    text = f"{name.value} takes {'any number' if task.accepts_many else 'one'} of: {reads}"
    if task.collects:
        text += f", or any number of: {', '.join(sorted(task.collects))}"
    if task.side_inputs:
        text += f"; and besides, {', '.join(sorted(task.side_inputs))}"
    raise ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"{text}. It was given {', '.join(kinds)}.",
        fields=(FieldProblem(field=field, message=text),),
    )


def _fits(task: Task, kinds: Sequence[ArtifactKind]) -> bool:
    heard = [kind for kind in kinds if kind in task.reads]
    if not heard or any(kind not in task.reads | task.side_inputs for kind in kinds):
        return False
    if task.accepts_many:
        return True
    # What can be either is the input only where nothing else can.
    only = [kind for kind in heard if kind not in task.side_inputs]
    if any(kind in task.collects for kind in only):
        return all(kind in task.collects for kind in only)
    return len(only) <= 1
