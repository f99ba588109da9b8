"""What a worker and its child process say to each other: one JSON object a line."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from contracts.base import StrictModel
from contracts.ids import JobId
from contracts.jobs import ItemFacts
from contracts.subjects import Subject
from kit.worker.job import JobInput, Output


class Load(StrictModel):
    """To the child, first: which service it is and what its engine gets."""

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
    """To the child: one job."""

    job: JobId
    subject: Subject
    item: ItemFacts | None = None
    inputs: tuple[JobInput, ...]
    params: dict[str, Any]
    scratch: Path


class Loaded(StrictModel):
    """From the child: the engine is warm."""

    said: Literal["loaded"] = "loaded"
    engine: str


class LoadRefused(StrictModel):
    """From the child: the engine cannot be loaded, and why."""

    said: Literal["unloadable"] = "unloadable"
    message: str


class ProgressMade(StrictModel):
    """From the child: progress."""

    said: Literal["moved"] = "moved"
    fraction: float
    message: str


class Previewed(StrictModel):
    """From the child: a file to listen to while the job runs."""

    said: Literal["previewed"] = "previewed"
    path: Path


class Finished(StrictModel):
    """From the child: the result."""

    said: Literal["finished"] = "finished"
    result: dict[str, Any]
    outputs: tuple[Output, ...]


class ChildResult(StrictModel):
    """From the child: no result, and why."""

    said: Literal["ended"] = "ended"
    outcome: Literal["skipped", "rejected", "retryable", "memory", "device", "internal"]
    reason: str
    message: str
    detail: str = ""


FromChild = Annotated[
    Loaded | LoadRefused | ProgressMade | Previewed | Finished | ChildResult,
    Field(discriminator="said"),
]
FROM_CHILD: TypeAdapter[FromChild] = TypeAdapter(FromChild)
