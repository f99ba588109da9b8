"""Pipelines as data: steps over one item, and the runs that walk them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from contracts.base import Message, StrictModel, pattern_string
from contracts.ids import ItemId, JobId, PipelineId, RunId
from contracts.items import ArtifactKind
from contracts.jobs import JobState, Priority, Progress, TaskName
from contracts.music import Stem
from contracts.subjects import Subject

StepName = Annotated[
    str,
    pattern_string(
        r"^[a-z][a-z0-9-]{0,39}$",
        "use small letters, digits and hyphens, a letter first, 40 characters at most",
    ),
]
"""A step's name, unique in its pipeline."""
PipelineName = Annotated[
    str,
    pattern_string(
        r"^[a-z][a-z0-9-]{0,59}$",
        "use small letters, digits and hyphens, a letter first, 60 characters at most",
    ),
]
"""A pipeline's name, unique for its owner."""


class FromStep(StrictModel):
    """Take artifacts of a kind from an earlier step."""

    step: StepName
    kind: ArtifactKind
    stems: Annotated[tuple[Stem, ...], Field(max_length=16)] = ()
    """Only these stems; empty is all."""


class Step(StrictModel):
    """One task, its parameters, and where its input comes from."""

    name: StepName
    task: TaskName
    params: dict[str, Any] = Field(default_factory=dict)
    inputs: Annotated[tuple[FromStep, ...], Field(max_length=50)] = ()
    """Empty: the item's own canonical audio."""
    include_item: bool = False
    """Whether the item's own audio is the first input besides those of `inputs`."""
    side_inputs: Annotated[tuple[FromStep, ...], Field(max_length=50)] = ()
    """What every job of the step reads besides its own input, as far as it was made."""
    after: Annotated[tuple[StepName, ...], Field(max_length=50)] = ()
    """Earlier steps that must have ended before, whatever came of them: an analysis that gives
    the item its tempo."""
    batch: bool = False
    """One job over all inputs, where the task takes a list; else one job each."""

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """The steps that must have ended before this one starts."""
        sources = (source.step for source in (*self.inputs, *self.side_inputs))
        return tuple(dict.fromkeys((*sources, *self.after)))


class PipelineSpec(StrictModel):
    """What a pipeline does; a user can store one."""

    name: PipelineName
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _steps_follow(self) -> Self:
        seen: set[str] = set()
        for step in self.steps:
            if step.name in seen:
                raise ValueError(f"two steps are named {step.name!r}; give each its own name")
            for name in step.waiting_for:
                if name not in seen:
                    raise ValueError(
                        f"step {step.name!r} waits for {name!r}, which is not an earlier step"
                    )
            seen.add(step.name)
        return self


class Pipeline(Message):
    """A pipeline as the API shows it."""

    id: PipelineId | None
    """`None` for the built-in ones."""
    spec: PipelineSpec
    builtin: bool
    created: datetime | None = None


class RunState(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    """Some steps failed; the others' results stand."""
    FAILED = "failed"
    CANCELLED = "cancelled"


def _form(value: object) -> str:
    """Tell a pipeline's name from one given in full, so that errors speak of one of them only."""
    return "(name)" if isinstance(value, str) else "(spec)"


class RunCreate(StrictModel):
    """Run a pipeline, stored or given here, over an item."""

    item: ItemId
    pipeline: Annotated[
        Annotated[PipelineName, Tag("(name)")] | Annotated[PipelineSpec, Tag("(spec)")],
        Discriminator(_form),
    ]
    params: Annotated[dict[StepName, dict[str, Any]], Field(max_length=50)] = Field(
        default_factory=dict
    )
    """Parameters by the name of their step; they go before those that the pipeline gives it."""
    priority: Priority = Priority.INTERACTIVE
    force: bool = False


class StepStatus(Message):
    """One step of a run: its jobs, or why it has none."""

    name: StepName
    task: TaskName
    jobs: tuple[JobId, ...] = ()
    states: tuple[JobState, ...] = ()
    skipped: str | None = None
    """Why the step had nothing to do."""


class Run(Message):
    """A run as the API shows it."""

    id: RunId
    subject: Subject
    """What it is walked over: an item."""
    pipeline: PipelineSpec
    state: RunState
    progress: Progress
    steps: tuple[StepStatus, ...]
    created: datetime
    finished: datetime | None = None
