"""Tasks, jobs, pipelines and runs."""

from datetime import datetime
from typing import Any, Literal

from cratedig.types.base import Answer
from cratedig.types.catalogue import Subject

JobState = Literal["queued", "running", "succeeded", "skipped", "failed", "cancelled"]
"""Where a job is."""
RunState = Literal["running", "succeeded", "partial", "failed", "cancelled"]
"""Where a run is."""
Priority = Literal["interactive", "batch"]
"""How long work may wait behind other work."""
TERMINAL = frozenset({"succeeded", "skipped", "failed", "cancelled", "partial"})
"""States that a job or a run never leaves."""


class Task(Answer):
    """A task that workers do.

    `params` and `result` are JSON Schemas. `offered` says whether a worker takes it now.
    """

    name: str
    params: dict[str, Any]
    result: dict[str, Any]
    reads: tuple[str, ...]
    accepts_many: bool
    side_inputs: tuple[str, ...] = ()
    collects: tuple[str, ...] = ()
    offered: bool


class Progress(Answer):
    """How far a job or a run is: `fraction` from 0 to 1; `previews` names parts to listen to."""

    fraction: float = 0.0
    message: str = ""
    previews: tuple[str, ...] = ()


class Queue(Answer):
    """The place of a job in its queue, and what it waits for."""

    position: int
    ahead: int
    waiting_for: str
    message: str


class Reason(Answer):
    """Why a job has no result."""

    code: str
    message: str


class Producer(Answer):
    """Which engine made a result."""

    engine: str
    version: str
    weights: str = ""
    fingerprint: str


class Job(Answer):
    """One task on one item. `queue` is there while it waits, in the answer to `jobs.get`."""

    id: str
    subject: Subject
    task: str
    state: str
    priority: str = "interactive"
    params: dict[str, Any]
    inputs: tuple[str, ...] = ()
    progress: Progress
    queue: Queue | None = None
    result: dict[str, Any] | None = None
    reason: Reason | None = None
    producer: Producer | None = None
    attempt: int = 0
    cancel_requested: bool = False
    retry_of: str | None = None
    run: str | None = None
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it is in a state that it never leaves."""
        return self.state in TERMINAL


class PipelineSpec(Answer):
    """The steps of a pipeline, as the API's schema describes them."""

    name: str
    title: str = ""
    steps: tuple[dict[str, Any], ...]


class Pipeline(Answer):
    """A pipeline, built in or stored by the account."""

    id: str | None = None
    spec: PipelineSpec
    builtin: bool
    created: datetime | None = None


class Step(Answer):
    """One step of a run: its jobs, or why it was skipped."""

    name: str
    task: str
    jobs: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    skip_reason: str | None = None


class Run(Answer):
    """One execution of a pipeline on an item."""

    id: str
    subject: Subject
    pipeline: PipelineSpec
    state: str
    progress: Progress
    steps: tuple[Step, ...]
    created: datetime
    finished: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether every step has ended."""
        return self.state in TERMINAL
