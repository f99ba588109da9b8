"""Pipelines, their steps, and the runs that execute them for one item."""

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
        "use lower-case letters, digits and hyphens, a letter first, at most 40 characters",
    ),
]
"""A step's name, unique in its pipeline."""
PipelineName = Annotated[
    str,
    pattern_string(
        r"^[a-z][a-z0-9-]{0,59}$",
        "use lower-case letters, digits and hyphens, a letter first, at most 60 characters",
    ),
]
"""A pipeline's name, unique for its owner."""


class FromStep(StrictModel):
    """An input of a step: the artifacts of one kind from an earlier step."""

    step: StepName
    kind: ArtifactKind
    stems: Annotated[tuple[Stem, ...], Field(max_length=16)] = ()
    """Only these stems; empty means all."""


class Step(StrictModel):
    """A step of a pipeline: one task, its parameters and its inputs."""

    name: StepName
    task: TaskName
    params: dict[str, Any] = Field(default_factory=dict)
    inputs: Annotated[tuple[FromStep, ...], Field(max_length=50)] = ()
    """Artifacts of earlier steps to read; if empty, the item's own canonical audio."""
    include_item: bool = False
    """Whether to read the item's own audio as the first input, before those of `inputs`."""
    side_inputs: Annotated[tuple[FromStep, ...], Field(max_length=50)] = ()
    """Artifacts that every job of the step reads in addition to its input, if they exist."""
    after: Annotated[tuple[StepName, ...], Field(max_length=50)] = ()
    """Earlier steps to wait for, whatever their outcome; for example an analysis that sets the
    item's tempo."""
    batch: bool = False
    """Whether one job reads all inputs, if the task accepts many; otherwise one job per input."""

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """The steps that must finish before this one starts."""
        sources = (source.step for source in (*self.inputs, *self.side_inputs))
        return tuple(dict.fromkeys((*sources, *self.after)))


class PipelineSpec(StrictModel):
    """The name, title and steps of a pipeline."""

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
    """A built-in or stored pipeline."""

    id: PipelineId | None
    """Null for built-in pipelines."""
    spec: PipelineSpec
    builtin: bool
    created: datetime | None = None


class RunState(StrEnum):
    """The state of a run."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    """Some steps failed; the results of the others are valid."""
    FAILED = "failed"
    CANCELLED = "cancelled"


def _form(value: object) -> str:
    """Return whether a pipeline is a name or a spec, so that errors refer to that form only."""
    return "(name)" if isinstance(value, str) else "(spec)"


class RunCreate(StrictModel):
    """Request body to run a pipeline for an item; the pipeline is a name or a spec."""

    item: ItemId
    pipeline: Annotated[
        Annotated[PipelineName, Tag("(name)")] | Annotated[PipelineSpec, Tag("(spec)")],
        Discriminator(_form),
    ]
    params: Annotated[dict[StepName, dict[str, Any]], Field(max_length=50)] = Field(
        default_factory=dict
    )
    """Parameters by step name; they override those of the pipeline."""
    priority: Priority = Priority.INTERACTIVE
    force: bool = False


class StepStatus(Message):
    """One step of a run: its jobs, or why it was skipped."""

    name: StepName
    task: TaskName
    jobs: tuple[JobId, ...] = ()
    states: tuple[JobState, ...] = ()
    skip_reason: str | None = None
    """Why the step was skipped; null if it was not."""


class Run(Message):
    """One execution of a pipeline for one item."""

    id: RunId
    subject: Subject
    """The item that the pipeline processes."""
    pipeline: PipelineSpec
    state: RunState
    progress: Progress
    steps: tuple[StepStatus, ...]
    created: datetime
    finished: datetime | None = None
