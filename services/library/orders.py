"""What users ask workers for: parameters and inputs checked before anything is stored."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlmodel import col

from contracts.ids import ItemId
from contracts.items import ArtifactKind, AudioFacts, ItemState
from contracts.jobs import InputRef, JobCreate, Params, TaskName
from contracts.problems import FieldProblem, ProblemCode
from contracts.tasks import TASKS, Task
from kit.http.errors import ProblemError, field_problems, not_found
from services.library.access import Action
from services.library.facts import as_input
from services.library.jobs import (
    HouseQueueFull,
    NewJob,
    NotAdmitted,
    Quarantined,
    create,
)
from services.library.locks import hold_owner
from services.library.policy import Policy
from services.library.repository import Repository
from services.library.steps import canonical_of
from services.library.tables import ArtifactRow, ItemRow, JobRow


async def order_job(
    repository: Repository, asked: JobCreate, *, policy: Policy
) -> tuple[JobRow, bool]:
    """Return a job for what a user asks, and whether it is new.

    Raises
    ------
    ProblemError
    """
    task = task_by_hand(asked.task, field="body.task")
    params = checked_params(task, asked.params, field="body.params")
    session = repository.session
    await hold_owner(session, repository.owner)
    item = await ready_item(repository, asked.item)
    new = NewJob(
        item=ItemId(item.id),
        task=asked.task,
        params=params,
        inputs=await _inputs(repository, task, item, asked),
        budget=task.budget(duration_of(item)),
        priority=asked.priority,
        force=asked.force,
    )
    try:
        return await create(session, repository.owner, new, policy=policy)
    except (NotAdmitted, Quarantined) as error:
        raise refusal(error) from None


def task_by_hand(name: TaskName, *, field: str) -> Task:
    """Return a task that users may ask for. Raises `ProblemError`."""
    task = TASKS.get(name)
    if task is not None and task.by_hand:
        return task
    if name is TaskName.INGEST:
        text = "An upload starts ingest by itself; a failed one can be tried again with retry."
    else:
        text = f"This house has no task {name.value!r}; GET /v1/tasks lists those it has."
    raise ProblemError(
        ProblemCode.INVALID_REQUEST, text, fields=(FieldProblem(field=field, message=text),)
    )


def checked_params(task: Task, given: dict[str, Any], *, field: str) -> Params:
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
                FieldProblem(field=f"{field}.{one.field}", message=one.message)
                for one in field_problems(error)
            ],
        ) from None
    return asked.model_dump(mode="json")


async def ready_item(repository: Repository, id_: str) -> ItemRow:
    """Return an item that work can be done on. Raises `ProblemError`."""
    item = await repository.item(id_, Action.RUN)
    if item.state == ItemState.READY:
        return item
    if item.state == ItemState.REJECTED:
        text = f"This item was rejected when it was taken in: {item.rejection}"
    else:
        text = "This item is still being taken in; wait for its ingest job."
    raise ProblemError(ProblemCode.WRONG_STATE, text)


def duration_of(item: ItemRow) -> float:
    """Return an item's length in seconds."""
    return AudioFacts.model_validate(item.audio).duration if item.audio else 0.0


def refusal(error: NotAdmitted | Quarantined) -> ProblemError:
    """Return what the API answers when a job is not taken."""
    if isinstance(error, Quarantined):
        return ProblemError(ProblemCode.QUARANTINED, error.failure.message)
    full = isinstance(error, HouseQueueFull)
    return ProblemError(
        ProblemCode.UNAVAILABLE if full else ProblemCode.TOO_MANY_REQUESTS,
        error.message,
        retry_after=int(error.retry_after.total_seconds()),
    )


async def _inputs(
    repository: Repository, task: Task, item: ItemRow, asked: JobCreate
) -> tuple[InputRef, ...]:
    if not asked.inputs:
        audio = await canonical_of(repository.session, item.id)
        if audio is None:
            raise ProblemError(ProblemCode.WRONG_STATE, "This item has no audio to work on.")
        refs: Sequence[InputRef] = (as_input(audio),)
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
    return [as_input(rows[id_]) for id_ in wanted]


def check_kinds(name: TaskName, task: Task, kinds: Sequence[ArtifactKind], *, field: str) -> None:
    """Raise `ProblemError` unless a task takes inputs of these kinds together."""
    if _fits(task, kinds):
        return
    reads = ", ".join(sorted(task.reads))
    text = f"{name.value} takes {'any number' if task.takes_list else 'one'} of: {reads}"
    if task.gathers:
        text += f", or any number of: {', '.join(sorted(task.gathers))}"
    if task.beside:
        text += f"; and besides, {', '.join(sorted(task.beside))}"
    raise ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"{text}. It was given {', '.join(kinds)}.",
        fields=(FieldProblem(field=field, message=text),),
    )


def _fits(task: Task, kinds: Sequence[ArtifactKind]) -> bool:
    heard = [kind for kind in kinds if kind in task.reads]
    if not heard or any(kind not in task.reads | task.beside for kind in kinds):
        return False
    if task.takes_list:
        return True
    # What can be either is the input only where nothing else can.
    only = [kind for kind in heard if kind not in task.beside]
    if any(kind in task.gathers for kind in only):
        return all(kind in task.gathers for kind in only)
    return len(only) <= 1
