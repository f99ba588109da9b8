"""Uploads: parts to signed URLs, then completion; and how much is stored."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.ids import ItemId, JobId, UploadId
from contracts.items import ItemKind, Metadata, PartOfSong, Sha256

PartNumber = Annotated[int, Field(ge=1, le=10_000)]
"""Parts are counted from one."""


class UploadState(StrEnum):
    """Where an upload is."""

    OPEN = "open"
    COMPLETED = "completed"
    ABORTED = "aborted"


class UploadCreate(StrictModel):
    """Announce a file."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """The file's name: shown, never used as a path."""
    size: Annotated[int, Field(ge=0, le=1 << 43)]
    """In bytes."""
    sha256: Sha256
    kind: ItemKind | None = None
    """What it is; without it a declared stem is a stem, and of others the length decides."""
    stem: PartOfSong | None = None
    """Which part of a song it holds; work on it then goes as with a separated stem."""
    metadata: Metadata = Field(default_factory=dict)


class UploadPart(Message):
    """One part and where to PUT its bytes."""

    number: PartNumber
    offset: int
    size: int
    url: str
    """Signed, for this part and PUT only; a relative one is below the gateway's address."""
    expires: datetime


class UploadedPart(Message):
    """One part that has arrived."""

    number: PartNumber
    size: int
    etag: str


class Upload(Message):
    """An upload as the API shows it: what arrived, and URLs for what is missing."""

    id: UploadId
    state: UploadState
    name: str
    size: int
    part_size: int
    arrived: tuple[UploadedPart, ...] = ()
    missing: tuple[UploadPart, ...] = ()
    """At most 100 at a time: ask again for the next ones."""
    item: ItemId | None = None
    job: JobId | None = None
    """The ingest job, once completed."""
    tagging: JobId | None = None
    """The tagging job of a sample, which follows its ingest by itself; once there is one, and in
    the answer to `GET /v1/uploads/{id}` only."""
    duplicate: bool = False
    """The same bytes were there already: `item` is the earlier one."""
    expires: datetime


class Usage(Message):
    """What an account stores, in bytes."""

    originals: int
    """Files that were uploaded."""
    results: int
    """Files that were made of them."""
    uploads: int
    """Announced for uploads that are under way."""
    total: int
    limit: int
    """The most that `total` may be."""


class Download(Message):
    """Where to GET an artifact's bytes."""

    url: str
    expires: datetime
