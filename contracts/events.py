"""Events of changes that the library has applied, for subscribers, the feed and live streams."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from contracts.base import Message
from contracts.collections import CollectionChange
from contracts.corrections import CorrectionField
from contracts.ids import (
    ArtifactId,
    CollectionId,
    EventId,
    ImportId,
    ItemId,
    JobId,
    RunId,
    SavedSearchId,
    UserId,
)
from contracts.imports import ImportState
from contracts.items import ArtifactKind, ItemKind, ItemState
from contracts.jobs import Reason, TaskName
from contracts.maps import MapChange, MapName, MapState
from contracts.pipelines import RunState
from contracts.recommendations import RecommendationTarget
from contracts.subjects import Subject


class ItemAdded(Message):
    """An item was added to the catalogue."""

    item: ItemId
    kind: ItemKind
    state: ItemState
    name: str
    parent: ItemId | None = None


class ItemChanged(Message):
    """An item's name, metadata, kind, state, tags, rating or favourite mark changed.

    Also if tagging found out the class of a sample.
    """

    item: ItemId
    state: ItemState


class ItemCorrected(Message):
    """A value that a machine found out about an item was corrected, or a correction taken back."""

    item: ItemId
    field: CorrectionField
    version: Annotated[int, Field(ge=1)]
    """The version of the correction that this made."""
    taken_back: bool = False
    """Whether the machine's value counts again."""
    by: UserId


class ItemDeleted(Message):
    """An item was deleted for good; one event for each item derived from it."""

    item: ItemId


class ItemHidden(Message):
    """An item was deleted with everything derived from it, and can be restored."""

    item: ItemId


class ItemRestored(Message):
    """A hidden item was restored with everything that was hidden with it."""

    item: ItemId


class CollectionChanged(Message):
    """A collection was created, edited or deleted, or its items changed."""

    collection: CollectionId
    change: CollectionChange


class TagProposed(Message):
    """A taught tag proposes other items than before: it learnt, or sounds arrived."""

    tag: str
    """The name of the tag."""
    count: Annotated[int, Field(ge=0)]
    """Items that it proposes now."""
    new: Annotated[int, Field(ge=0)]
    """How many of them arrived since the last event; 0 after an answer."""


class RecommendationsUpdated(Message):
    """The recommendations for an account or a collection are others than before."""

    target: RecommendationTarget
    count: Annotated[int, Field(ge=0)]
    """Items that are recommended now; filters choose among these."""
    new: Annotated[int, Field(ge=0)]
    """How many of them were not recommended before."""


class SearchMatched(Message):
    """A saved search that notifies found items that it did not find before."""

    search: SavedSearchId
    name: str
    added: Annotated[int, Field(ge=1)]
    """How many items it newly found."""
    new: Annotated[int, Field(ge=1)]
    """How many it newly found since it was last opened."""
    items: Annotated[tuple[ItemId, ...], Field(max_length=20)]
    """The first 20 of the items that were added."""


class ImportChanged(Message):
    """An import was created, got further or ended."""

    import_id: ImportId
    state: ImportState
    total: int
    """Number of its files, as far as it is known."""
    waiting: int
    """Number of files that have no outcome yet."""


class MapChanged(Message):
    """A map was requested, computed or deleted, or new sounds were placed on it."""

    name: MapName
    change: MapChange
    state: MapState


class ArtifactAdded(Message):
    """A file was added to an item, or to another subject."""

    artifact: ArtifactId
    subject: Subject
    job: JobId | None
    kind: ArtifactKind
    name: str


class JobQueued(Message):
    """A job was queued, for the first time or for another attempt."""

    job: JobId
    subject: Subject
    task: TaskName
    run: RunId | None = None
    attempt: int = 0


class JobRunning(Message):
    """A worker claimed a job."""

    job: JobId
    subject: Subject
    task: TaskName
    run: RunId | None = None
    epoch: int


class JobFinished(Message):
    """A job reached a terminal state, which the event's type names."""

    job: JobId
    subject: Subject
    task: TaskName
    run: RunId | None = None
    epoch: int
    reason: Reason | None = None


class RunFinished(Message):
    """Every step of a run has finished."""

    run: RunId
    subject: Subject
    state: RunState


class FeedEntry(Message):
    """One event in `GET /v1/feed`.

    `subject` is the item or other catalogue object that the event belongs to, as in jobs and
    artifacts. `event_subject` is the CloudEvents attribute `subject`: the id of the changed object.
    """

    cursor: str
    """Pass it as `?after=` to read the events after this one; unique, in the order of the feed."""
    id: EventId
    type: str
    event_subject: str
    time: datetime
    subject: Subject | None = None
    job: JobId | None = None
    run: RunId | None = None
    data: dict[str, Any]
    """The payload; its fields depend on `type`."""


class Feed(Message):
    """A page of the feed: the events after a cursor, oldest first, and the next cursor."""

    items: tuple[FeedEntry, ...]
    next: str
    """The cursor for the next page, always set; without `?after=`, the cursor of the feed's end."""
    more: bool = False
    """Whether the next page already has events."""
