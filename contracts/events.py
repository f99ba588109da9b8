"""Facts for outside subscribers and live streams: what the library has applied."""

from datetime import datetime
from typing import Any

from contracts.base import Message
from contracts.ids import ArtifactId, EventId, ItemId, JobId, RunId
from contracts.items import ArtifactKind, ItemKind, ItemState
from contracts.jobs import Reason, TaskName
from contracts.pipelines import RunState
from contracts.subjects import Subject


class ItemAdded(Message):
    """An item is in the catalogue."""

    item: ItemId
    kind: ItemKind
    state: ItemState
    name: str
    parent: ItemId | None = None


class ItemChanged(Message):
    """An item's name, metadata, kind or state changed."""

    item: ItemId
    state: ItemState


class ItemDeleted(Message):
    """An item and all that was made of it are gone."""

    item: ItemId


class ArtifactAdded(Message):
    """A file was added to an item, or to another subject."""

    artifact: ArtifactId
    subject: Subject
    job: JobId | None
    kind: ArtifactKind
    name: str


class JobQueued(Message):
    """A job waits, for the first time or again."""

    job: JobId
    subject: Subject
    task: TaskName
    run: RunId | None = None
    attempt: int = 0


class JobRunning(Message):
    """A job was claimed."""

    job: JobId
    subject: Subject
    task: TaskName
    run: RunId | None = None
    epoch: int


class JobFinished(Message):
    """A job reached a terminal state: the event's type says which."""

    job: JobId
    subject: Subject
    task: TaskName
    run: RunId | None = None
    epoch: int
    reason: Reason | None = None


class RunFinished(Message):
    """Every step of a run has ended."""

    run: RunId
    subject: Subject
    state: RunState


class FeedEntry(Message):
    """One applied event as `GET /v1/feed` lists it, oldest first.

    `subject` is the thing in the catalogue that the event belongs to, as in jobs and artifacts. The
    CloudEvents attribute that is also called `subject`, the id of what the event happened to, is
    `event_subject` here.
    """

    cursor: str
    """`?after=` this, the feed goes on behind it: unique, and in the order of the feed."""
    id: EventId
    type: str
    event_subject: str
    time: datetime
    subject: Subject | None = None
    job: JobId | None = None
    run: RunId | None = None
    data: dict[str, Any]
    """What the event's type carries; see `contracts/topics.py`."""


class Feed(Message):
    """A piece of the feed: what came after a cursor, and where the next piece begins."""

    items: tuple[FeedEntry, ...]
    next: str
    """Always there. Without `?after=` a piece is empty, and this is the feed's end."""
    more: bool = False
    """Whether more is there already."""
