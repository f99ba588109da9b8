"""Items, their files and uploads."""

from datetime import datetime
from typing import Literal, TypedDict

from pydantic import Field

from cratedig.types.base import Answer

ItemKind = Literal["track", "stem", "sample", "recording"]
"""What an item is to a musician."""
ItemState = Literal["ingesting", "ready", "rejected"]
"""Where an item is on its way into the catalogue."""
Stem = Literal["drums", "bass", "other", "vocals", "guitar", "piano", "accompaniment"]
"""Which part of a song an item or a file holds."""
ArtifactKind = Literal[
    "original",
    "canonical",
    "peaks",
    "stem",
    "sample",
    "loop",
    "midi",
    "notes",
    "lyrics",
    "tags",
    "embedding",
    "slices",
    "analysis",
    "image",
]
"""What a stored file is."""


class Audio(Answer):
    """Facts of canonical audio: `duration` in seconds, `sample_rate` in hertz."""

    duration: float
    sample_rate: int
    channels: int
    samples: int


class Lineage(Answer):
    """Which item another one was cut from; `start` and `end` in samples of the parent."""

    parent: str
    job: str | None = None
    stem: str | None = None
    start: int | None = None
    end: int | None = None


class Item(Answer):
    """A song, a stem, a sample or a recording; `rejection` says why it was not accepted."""

    id: str
    kind: str
    state: str
    name: str
    stem: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    audio: Audio | None = None
    bpm: float | None = None
    lineage: Lineage | None = None
    rejection: str | None = None
    created: datetime
    updated: datetime


class ItemChanges(TypedDict, total=False):
    """What can be changed of an item. What is left out stays; `None` clears a value."""

    name: str
    kind: ItemKind
    stem: Stem | None
    bpm: float | None
    metadata: dict[str, str]
    """Replaces all metadata."""
    tag_encoding: str
    """Read the tags of the uploaded file again in this encoding, such as `cp1251`."""


class Subject(Answer):
    """What a job works on or a file belongs to, in most cases an item: `kind` says which."""

    kind: str
    id: str


class Artifact(Answer):
    """A stored file; `size` in bytes, `job` is the one that made it."""

    id: str
    subject: Subject
    job: str | None = None
    kind: str
    name: str
    media_type: str
    size: int
    sha256: str
    stem: str | None = None
    created: datetime


class Download(Answer):
    """A signed URL, which needs no credentials and works until `expires`."""

    url: str
    expires: datetime


class UploadPart(Answer):
    """A part that is missing: bytes `offset` to `offset + size` of the file, by PUT to `url`."""

    number: int
    offset: int
    size: int
    url: str
    expires: datetime


class UploadedPart(Answer):
    """A part that has arrived."""

    number: int
    size: int
    etag: str


class Upload(Answer):
    """An upload: what has arrived, what is missing, and what came of it.

    Once it is complete `item` is its item and `job` the job that ingests it; `tagging` is the job
    that tags a sample afterwards. With `duplicate` the account had the same bytes before.
    """

    id: str
    state: str
    name: str
    size: int
    part_size: int
    received: tuple[UploadedPart, ...] = ()
    missing: tuple[UploadPart, ...] = ()
    item: str | None = None
    job: str | None = None
    tagging: str | None = None
    duplicate: bool = False
    expires: datetime
