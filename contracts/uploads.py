"""Uploads in parts to signed URLs, downloads, and an account's usage."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.ids import ItemId, JobId, UploadId
from contracts.items import ItemKind, Metadata, PartOfSong, Sha256

PartNumber = Annotated[int, Field(ge=1, le=10_000)]
"""The number of a part; the first is 1."""


class UploadState(StrEnum):
    """The state of an upload."""

    OPEN = "open"
    COMPLETED = "completed"
    ABORTED = "aborted"


class UploadCreate(StrictModel):
    """Request body to announce a file."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """The file's name for display; the server never uses it as a path."""
    size: Annotated[int, Field(ge=0, le=1 << 43)]
    """Size in bytes."""
    sha256: Sha256
    kind: ItemKind | None = None
    """The kind of item. If absent: `stem` for a declared stem, otherwise chosen by duration."""
    stem: PartOfSong | None = None
    """The part of a song that it holds; tasks then treat the item as a separated stem."""
    metadata: Metadata = Field(default_factory=dict)


class UploadPart(Message):
    """One part and where to PUT its bytes."""

    number: PartNumber
    offset: int
    size: int
    url: str
    """A signed URL for a PUT of this part only; if relative, it is below the gateway's address."""
    expires: datetime


class UploadedPart(Message):
    """One part that the server has received."""

    number: PartNumber
    size: int
    etag: str


class Upload(Message):
    """An upload: the received parts, and signed URLs for the missing ones."""

    id: UploadId
    state: UploadState
    name: str
    size: int
    part_size: int
    received: tuple[UploadedPart, ...] = ()
    missing: tuple[UploadPart, ...] = ()
    """At most 100 parts per response; GET the upload again for the next ones."""
    item: ItemId | None = None
    job: JobId | None = None
    """The ingest job, once the upload is completed."""
    tagging: JobId | None = None
    """The tagging job of a sample, which starts automatically after ingest; only in the response
    to `GET /v1/uploads/{id}`, once the job exists."""
    duplicate: bool = False
    """Whether an earlier item has the same bytes; `item` is then the earlier one."""
    expires: datetime


class HiddenUsage(Message):
    """Bytes of hidden items, which their owner can restore."""

    originals: int
    results: int
    total: int


class Usage(Message):
    """Bytes that an account stores."""

    originals: int
    """Bytes of uploaded files."""
    results: int
    """Bytes of files that jobs stored."""
    uploads: int
    """Announced bytes of open uploads."""
    hidden: HiddenUsage
    """How much of `originals` and `results` belongs to hidden items; delete them for good with
    `DELETE /v1/items/{item}?permanently=true` to free it at once."""
    total: int
    limit: int
    """Maximum of `total`, in bytes."""


class Download(Message):
    """A signed URL that returns an artifact's bytes."""

    url: str
    expires: datetime
