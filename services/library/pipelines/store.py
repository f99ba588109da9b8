"""Pipelines: those of the server, and those that an owner stores; checked before they are kept."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, func, select
from sqlmodel import col

from contracts.ids import PipelineId
from contracts.items import ArtifactKind
from contracts.pipelines import Pipeline, PipelineSpec, Step
from contracts.problems import FieldProblem, ProblemCode
from kit.clock import new_id
from kit.database.engine import database_of
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.jobs.locks import hold_owner
from services.library.pipelines.builtin import builtin_pipelines
from services.library.pipelines.repository import PipelineRepository
from services.library.pipelines.tables import PipelineRow
from services.library.pipelines.validation import check_kinds, submittable_task, validate_params


def check_steps(spec: PipelineSpec, *, field: str = "body.steps") -> PipelineSpec:
    """Return a pipeline whose every step is one that its task can be asked for.

    Raises
    ------
    ProblemError
    """
    return spec.model_copy(
        update={
            "steps": tuple(
                _checked(step, field=f"{field}.{index}") for index, step in enumerate(spec.steps)
            )
        }
    )


def with_params(
    spec: PipelineSpec, params: Mapping[str, dict[str, Any]], *, field: str
) -> PipelineSpec:
    """Return a pipeline whose steps have other parameters side_inputss, by the name of the step.

    Raises
    ------
    ProblemError
    """
    names = [step.name for step in spec.steps]
    if unknown := sorted(set(params) - set(names)):
        text = f"the pipeline {spec.name!r} has no such step; it has {', '.join(names)}"
        raise ProblemError(
            ProblemCode.INVALID_PARAMETERS,
            "Parameters of a run are given by the name of their step; see `fields`.",
            fields=[FieldProblem(field=f"{field}.{name}", message=text) for name in unknown],
        )
    steps: list[Step] = []
    for step in spec.steps:
        merged = {**step.params, **params.get(step.name, {})}
        task = submittable_task(step.task, field=field)
        validate_params(task, merged, field=f"{field}.{step.name}")
        steps.append(step.model_copy(update={"params": merged}))
    return spec.model_copy(update={"steps": tuple(steps)})


async def spec_named(repository: PipelineRepository, name: str) -> PipelineSpec:
    """Return a pipeline of the server or of the owner. Raises `ProblemError`."""
    if spec := builtin_pipelines().get(name):
        return spec
    return PipelineSpec.model_validate((await repository.pipeline(name, Action.READ)).spec)


async def store(
    repository: PipelineRepository, spec: PipelineSpec, *, max_pipelines: int
) -> PipelineRow:
    """Keep a new pipeline.

    Raises
    ------
    ProblemError
    """
    session = repository.session
    checked = check_steps(spec)
    await hold_owner(session, repository.owner)
    same = case((col(PipelineRow.name) == spec.name, 1), else_=0)
    stored = select(func.count(), func.coalesce(func.max(same), 0)).where(
        col(PipelineRow.owner) == repository.owner
    )
    count, taken = (await session.execute(stored)).one()
    if taken or spec.name in builtin_pipelines():
        raise ProblemError(
            ProblemCode.ALREADY_EXISTS,
            f"There is a pipeline {spec.name!r} already; PUT changes one of yours.",
        )
    if count >= max_pipelines:
        raise ProblemError(
            ProblemCode.TOO_MANY_REQUESTS,
            f"You have {max_pipelines} pipelines; delete one first.",
            retry_after=3600,
        )
    now = await database_of(session).time(session)
    row = PipelineRow(
        id=new_id(),
        owner=repository.owner,
        name=spec.name,
        spec=checked.model_dump(mode="json"),
        created=now,
        updated=now,
    )
    repository.pipelines.add(row)
    await session.flush()
    return row


async def replace(repository: PipelineRepository, name: str, spec: PipelineSpec) -> PipelineRow:
    """Change a stored pipeline; runs that are under way keep what they began with.

    Raises
    ------
    ProblemError
    """
    _refuse_builtin(name)
    if spec.name != name:
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            "A pipeline keeps its name; store another one under the new name.",
            fields=(FieldProblem(field="body.name", message=f"not {name!r}"),),
        )
    checked = check_steps(spec)
    row = await repository.pipeline(name, Action.RUN, hold=True)
    row.spec = checked.model_dump(mode="json")
    row.updated = await database_of(repository.session).time(repository.session)
    await repository.session.flush()
    return row


async def remove(repository: PipelineRepository, name: str) -> None:
    """Delete a stored pipeline. Raises `ProblemError`."""
    _refuse_builtin(name)
    row = await repository.pipeline(name, Action.RUN)
    await repository.pipelines.delete(row.id)


def pipeline_to_api(row: PipelineRow) -> Pipeline:
    """Return a stored pipeline as the API shows it."""
    return Pipeline(
        id=PipelineId(row.id),
        spec=PipelineSpec.model_validate(row.spec),
        builtin=False,
        created=row.created,
    )


def builtin_to_api(spec: PipelineSpec) -> Pipeline:
    """Return a pipeline of the server as the API shows it."""
    return Pipeline(id=None, spec=spec, builtin=True)


def _refuse_builtin(name: str) -> None:
    if name in builtin_pipelines():
        raise ProblemError(
            ProblemCode.CONFLICT, f"The pipeline {name!r} is the server's own; store one of yours."
        )


def _checked(step: Step, *, field: str) -> Step:
    task = submittable_task(step.task, field=f"{field}.task")
    validate_params(task, step.params, field=f"{field}.params")
    own = [source.kind for source in step.inputs]
    if step.include_item or not own:
        own.insert(0, ArtifactKind.CANONICAL)
    if not step.batch and len(step.inputs) > 1 and not step.include_item:
        # One job each: each kind must do alone.
        alone = [[kind] for kind in own]
    else:
        alone = [own]
    side_inputs = [source.kind for source in step.side_inputs]
    for kinds in alone:
        check_kinds(step.task, task, [*kinds, *side_inputs], field=f"{field}.inputs")
    many = task.accepts_many or all(kind in task.collects for kind in own)
    if step.batch and not many and len(step.inputs) > 0:
        text = f"{step.task.value} takes one input; leave `batch` away for one job each"
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            f"{text}.",
            fields=(FieldProblem(field=f"{field}.batch", message=text),),
        )
    return step
