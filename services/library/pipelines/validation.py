"""Validation of what users submit: tasks, parameters, weights, inputs and items."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.items import ArtifactKind, AudioFacts, ItemState
from contracts.jobs import Params, Producer, TaskName
from contracts.problems import FieldProblem, ProblemCode
from contracts.subjects import SubjectKind
from contracts.tasks import TASKS, Task
from kit.database.engine import database_of
from kit.http.errors import ProblemError, field_problems
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import ItemRow
from services.library.jobs.tables import ProducerRow
from services.library.pipelines.builtin import NEEDS_STEM
from services.library.pipelines.steps import WORKER_GONE

MAX_WEIGHTS = 200
"""Characters of a worker's list of weights: a longer list is cut, so others may be missing."""


def submittable_task(name: TaskName, *, field: str) -> Task:
    """Return a task that users may submit. Raises `ProblemError`."""
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


def validate_params(task: Task, values: dict[str, Any], *, field: str) -> Params:
    """Return parameters validated by the task's own model, with every default filled in.

    Raises
    ------
    ProblemError
    """
    try:
        params: BaseModel = task.params.model_validate(values)
    except ValidationError as error:
        raise ProblemError(
            ProblemCode.INVALID_PARAMETERS,
            "The task does not take these parameters; see `fields`, and GET /v1/tasks.",
            fields=[
                FieldProblem(field=f"{field}.{problem.field}", message=_message(task, problem))
                for problem in field_problems(error)
            ],
        ) from None
    return params.model_dump(mode="json")


def _message(task: Task, problem: FieldProblem) -> str:
    known = task.params.model_fields
    if "." in problem.field or problem.field in known:
        return problem.message
    return f"there is no such parameter; there are {', '.join(known)}"


async def check_weights(
    session: AsyncSession, name: TaskName, params: Params, *, field: str
) -> None:
    """Raise `ProblemError` if a job names weights that no worker of its task has.

    Any weights are accepted as long as no worker has listed its own.
    """
    if (weights := params.get("weights")) is None:
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
    names = (name for producer in producers for name in producer.weights.split(", "))
    available = sorted(set(filter(None, names)))
    if any(len(producer.weights) >= MAX_WEIGHTS for producer in producers):
        return
    # The networks of an ensemble are named `<weights>-<part>`.
    if not available or _has(available, weights):
        return
    choices = TASKS[name].params.model_json_schema().get("$defs", {}).get("Weights", {}).get("enum")
    if choices:
        available = [choice for choice in choices if _has(available, choice)]
    text = (
        f"no worker here has the weights {weights!r}; choose from {', '.join(available)}, or have "
        f"the others fetched where the worker runs: python -m kit.weights fetch {name.value} --all"
    )
    raise ProblemError(
        ProblemCode.INVALID_PARAMETERS,
        f"The weights {weights!r} are not here; see `fields`.",
        fields=(FieldProblem(field=f"{field}.weights", message=text),),
    )


def _has(available: Sequence[str], weights: str) -> bool:
    return any(name == weights or name.startswith(f"{weights}-") for name in available)


async def require_ready_item(repository: Repository, id_: str) -> ItemRow:
    """Return an item that is ready for jobs. Raises `ProblemError`."""
    item = await repository.item(id_, Action.RUN)
    if item.state == ItemState.READY:
        return item
    if item.state == ItemState.REJECTED:
        text = f"This item was rejected by ingest: {item.rejection}"
    else:
        text = "The ingest of this item is not finished; wait for its ingest job."
    raise ProblemError(ProblemCode.WRONG_STATE, text)


def check_stem(item: ItemRow, pipeline: str) -> None:
    """Raise `ProblemError` if a built-in pipeline is for a stem that an item is not."""
    needed = NEEDS_STEM.get(pipeline)
    if needed is None or item.stem == needed:
        return
    declared = f"is declared as {item.stem}" if item.stem else "is not declared as any stem"
    text = (
        f"The pipeline {pipeline!r} is for items that hold {needed.value} alone, and this one "
        f"{declared}. If that is what it holds, say so first: PATCH the item with "
        f'{{"stem": "{needed.value}"}} (cratedig edit ITEM --stem {needed.value}); else run '
        "samples or full, which separate it."
    )
    raise ProblemError(ProblemCode.WRONG_STATE, text)


def duration_of(item: ItemRow) -> float:
    """Return an item's length in seconds."""
    return AudioFacts.model_validate(item.audio).duration if item.audio else 0.0


def check_subject(name: TaskName, task: Task, kind: SubjectKind, *, field: str) -> None:
    """Raise `ProblemError` unless a task works on a kind of subject."""
    if kind in task.subjects:
        return
    kinds = ", ".join(sorted(task.subjects))
    text = f"{name.value} works on: {kinds}; not on a {kind.value}"
    raise ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"{text}. Submit it for each item.",
        fields=(FieldProblem(field=field, message=text),),
    )


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
    inputs = [kind for kind in kinds if kind in task.reads]
    if not inputs or any(kind not in task.reads | task.side_inputs for kind in kinds):
        return False
    if task.accepts_many:
        return True
    # A kind that is both an input and a side input counts as the input only if nothing else can.
    only = [kind for kind in inputs if kind not in task.side_inputs]
    if any(kind in task.collects for kind in only):
        return all(kind in task.collects for kind in only)
    return len(only) <= 1
