"""Items, their files and uploads."""

from datetime import datetime
from typing import Literal, TypedDict

from pydantic import Field

from cratedig.types.base import Answer

ItemKind = Literal["track", "stem", "sample", "recording"]
"""The musical kind of an item."""
ItemState = Literal["ingesting", "ready", "rejected"]
"""The ingest state of an item: only `ready` items can be processed."""
Stem = Literal["drums", "bass", "other", "vocals", "guitar", "piano", "accompaniment"]
"""The part of a song that an item or a file holds."""
ArtifactKind = Literal[
    "original",
    "canonical",
    "peaks",
    "stem",
    "sample",
    "loop",
    "midi",
    "notes",
    "posteriors",
    "lyrics",
    "tags",
    "embedding",
    "slices",
    "analysis",
    "image",
    "bundle",
]
"""The kind of a stored file."""


class Audio(Answer):
    """The format of canonical audio: `duration` in seconds, `sample_rate` in hertz."""

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


class ItemTag(Answer):
    """A custom tag of an item."""

    name: str
    source: str = "user"


class Item(Answer):
    """A track, stem, sample or recording; `rejection` is the reason if ingest rejected it."""

    id: str
    kind: str
    state: str
    name: str
    stem: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    favourite: bool = False
    rating: int | None = None
    tags: tuple[ItemTag, ...] = ()
    audio: Audio | None = None
    bpm: float | None = None
    corrected: dict[str, str | float | bool] = Field(default_factory=dict)
    """What the user corrected, by field; true for a lane."""
    lineage: Lineage | None = None
    rejection: str | None = None
    created: datetime
    updated: datetime


class HiddenItem(Answer):
    """A deleted item, which can be restored until `deleted_for_good_at`."""

    item: Item
    hidden_at: datetime
    deleted_for_good_at: datetime


class ItemChanges(TypedDict, total=False):
    """Changes of an item. Absent keys stay as they are; `None` clears a value."""

    name: str
    kind: ItemKind
    stem: Stem | None
    bpm: float | None
    rating: int | None
    """0 to 5."""
    metadata: dict[str, str]
    """Replaces all metadata."""
    tag_encoding: str
    """Read the tags of the uploaded file again in this encoding, such as `cp1251`."""


class Subject(Answer):
    """What a job works on or a file belongs to; `kind` is `item` in most cases."""

    kind: str
    id: str


class Artifact(Answer):
    """A stored file; `size` in bytes, `job` is the job that stored it."""

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


class Waveforms(Answer):
    """Small waveforms by item: peak and RMS of `columns` equal parts of the audio, in Base64.

    The byte `b` stands for the amplitude `(b / 255) ** 2`, where 1 is full scale.
    """

    columns: int
    items: dict[str, str]


class Download(Answer):
    """A signed URL, which requires no credentials and works until `expires`."""

    url: str
    expires: datetime


class UploadPart(Answer):
    """A missing part: PUT the bytes `offset` to `offset + size` of the file to `url`."""

    number: int
    offset: int
    size: int
    url: str
    expires: datetime


class UploadedPart(Answer):
    """A part that the server has received."""

    number: int
    size: int
    etag: str


class Upload(Answer):
    """An upload with its received and missing parts.

    Once completed, `item` is its item and `job` the ingest job; `tagging` is the job that tags a
    sample afterwards. `duplicate` means that an earlier item has the same bytes.
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
