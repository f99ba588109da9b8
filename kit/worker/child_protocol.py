"""Messages between a worker and its child process: one JSON object per line."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from contracts.base import StrictModel
from contracts.cuts import Cut
from contracts.export import ExportFacts
from contracts.ids import JobId
from contracts.jobs import ItemFacts
from contracts.subjects import Subject
from kit.worker.job import JobInput, Output


class Load(StrictModel):
    """To the child, first: the service to load and its engine's settings."""

    handler: str
    engine: str
    params: str
    result: str
    weights: dict[str, Path]
    device: str
    threads: int
    scratch: Path
    segment: float
    prefer: str = "auto"
    fallback: bool = False


class Work(StrictModel):
    """To the child: run this job."""

    job: JobId
    subject: Subject
    item: ItemFacts | None = None
    export: ExportFacts | None = None
    cuts: tuple[Cut, ...] | None = None
    inputs: tuple[JobInput, ...]
    params: dict[str, Any]
    scratch: Path


class Loaded(StrictModel):
    """From the child: the engine is loaded."""

    kind: Literal["loaded"] = "loaded"
    engine: str


class LoadRefused(StrictModel):
    """From the child: the engine cannot be loaded; `message` says why."""

    kind: Literal["load_refused"] = "load_refused"
    message: str


class ProgressMade(StrictModel):
    """From the child: the job's progress, `fraction` from 0 to 1."""

    kind: Literal["progress"] = "progress"
    fraction: float
    message: str


class Previewed(StrictModel):
    """From the child: a file that users can listen to while the job runs."""

    kind: Literal["previewed"] = "previewed"
    path: Path


class Finished(StrictModel):
    """From the child: the job's result and output files."""

    kind: Literal["finished"] = "finished"
    result: dict[str, Any]
    outputs: tuple[Output, ...]


class ChildResult(StrictModel):
    """From the child: the job ended without a result; `message` says why."""

    kind: Literal["ended"] = "ended"
    outcome: Literal["skipped", "rejected", "retryable", "memory", "device", "internal"]
    reason: str
    message: str
    detail: str = ""


FromChild = Annotated[
    Loaded | LoadRefused | ProgressMade | Previewed | Finished | ChildResult,
    Field(discriminator="kind"),
]
FROM_CHILD: TypeAdapter[FromChild] = TypeAdapter(FromChild)
