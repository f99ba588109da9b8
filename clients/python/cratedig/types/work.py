"""Tasks, jobs, pipelines and runs."""

from datetime import datetime
from typing import Any, Literal

from cratedig.types.base import Answer
from cratedig.types.catalogue import Subject

JobState = Literal["queued", "running", "succeeded", "skipped", "failed", "cancelled"]
"""The state of a job."""
RunState = Literal["running", "succeeded", "partial", "failed", "cancelled"]
"""The state of a run."""
Priority = Literal["interactive", "batch"]
"""Interactive jobs go first, until a batch job has waited for half an hour."""
TERMINAL = frozenset({"succeeded", "skipped", "failed", "cancelled", "partial"})
"""The final states of jobs and runs."""


class Task(Answer):
    """A task of the server.

    `params` and `result` are JSON Schemas; `offered` tells whether a worker has polled recently.
    """

    name: str
    params: dict[str, Any]
    result: dict[str, Any]
    reads: tuple[str, ...]
    accepts_many: bool
    subjects: tuple[str, ...] = ("item",)
    side_inputs: tuple[str, ...] = ()
    collects: tuple[str, ...] = ()
    offered: bool


class Progress(Answer):
    """Progress of a job or a run: `fraction` from 0 to 1; `previews` are names of previews."""

    fraction: float = 0.0
    message: str = ""
    previews: tuple[str, ...] = ()


class Queue(Answer):
    """The position of a job in the queue of its task, and what it waits for."""

    position: int
    ahead: int
    waiting_for: str
    message: str
    expected_start_s: float | None = None
    """Seconds until it starts, estimated; `None` if that is not known."""
    expected_end_s: float | None = None


class Reason(Answer):
    """Why a job failed or was skipped: a code for programs and a message for people."""

    code: str
    message: str


class RetryWith(Answer):
    """A way to retry a failed job that may succeed: `parameters` to change, and why."""

    parameters: dict[str, Any]
    why: str


class Producer(Answer):
    """The engine, version and weights that made a result."""

    engine: str
    version: str
    weights: str = ""
    fingerprint: str


class Job(Answer):
    """One task for one subject.

    `queue` is set while it is queued, `retry_with` once it has failed.
    """

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
    retry_with: tuple[RetryWith, ...] = ()
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
        """Whether its state is final."""
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
    """One execution of a pipeline for an item."""

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
        """Whether every step has finished."""
        return self.state in TERMINAL
