"""Facts for outside subscribers and live streams: what the library has applied."""

from contracts.base import Said
from contracts.ids import ArtifactId, ItemId, JobId, RunId
from contracts.items import ArtifactKind, ItemKind, ItemState
from contracts.jobs import Failure, TaskName
from contracts.pipelines import RunState


class ItemAdded(Said):
    """An item is in the catalogue."""

    item: ItemId
    kind: ItemKind
    state: ItemState
    name: str
    parent: ItemId | None = None


class ItemChanged(Said):
    """An item's name, metadata, kind or state changed."""

    item: ItemId
    state: ItemState


class ItemDeleted(Said):
    """An item and all that was made of it are gone."""

    item: ItemId


class ArtifactAdded(Said):
    """A file was added to an item."""

    artifact: ArtifactId
    item: ItemId
    job: JobId | None
    kind: ArtifactKind
    name: str


class JobQueued(Said):
    """A job waits, for the first time or again."""

    job: JobId
    item: ItemId
    task: TaskName
    run: RunId | None = None
    attempt: int = 0


class JobRunning(Said):
    """A job was claimed."""

    job: JobId
    item: ItemId
    task: TaskName
    run: RunId | None = None
    epoch: int


class JobEnded(Said):
    """A job reached a terminal state: the event's type says which."""

    job: JobId
    item: ItemId
    task: TaskName
    run: RunId | None = None
    epoch: int
    failure: Failure | None = None


class RunFinished(Said):
    """Every step of a run has ended."""

    run: RunId
    item: ItemId
    state: RunState
