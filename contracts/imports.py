"""Imports: sounds from a pack, an address or a provider, each file an item of its own."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from contracts.base import Message, StrictModel, pattern_string
from contracts.ids import CollectionId, ImportId, ItemId
from contracts.items import ItemKind
from contracts.tags import TagName

PACK = "pack"
"""The provider that reads a ZIP archive of the caller: the reference is the id of its upload."""
MAX_FILES = 10_000
"""Files of one import."""
MAX_FOUND = 500
"""Files that a provider on the internet may find for one import."""

ProviderName = Annotated[
    str,
    pattern_string(
        r"^[a-z][a-z0-9_-]{0,31}$",
        "a provider's name has lower-case letters, digits, `-` and `_`",
    ),
]


class ImportCreate(StrictModel):
    """Request body to import sounds."""

    provider: ProviderName
    """`pack`, `http`, `podcast`, `archive`, `freesound`, or another one of this server."""
    reference: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    """What to import: of `pack` the id of an upload whose parts were sent, else an address or an id
    that the provider knows."""
    key: Annotated[SecretStr, Field(max_length=200)] | None = None
    """Your API key of the provider, if it needs one. It is used for this request and not stored."""
    max_files: Annotated[int, Field(ge=1, le=MAX_FOUND)] = 50
    """At most so many files of a podcast or another list, the provider's first ones; a pack is
    imported whole."""
    collection: CollectionId | None = None
    """Your collection to add the items to. Without it a pack, and any import of several files, gets
    a collection of its own."""
    kind: ItemKind | None = None
    """The kind of the items; without it each file's length decides."""
    tags: Annotated[tuple[TagName, ...], Field(max_length=16)] = ()
    """Tags for every new item."""


class ImportState(StrEnum):
    """The state of an import."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    """Every file has an outcome."""
    FAILED = "failed"
    """The pack could not be read; `failure` says why."""
    CANCELLED = "cancelled"


class ImportFileState(StrEnum):
    """What became of one file of an import."""

    WAITING = "waiting"
    ADDED = "added"
    """It is an item."""
    DUPLICATE = "duplicate"
    """An earlier item has the same bytes; that item was left as it is."""
    REFUSED = "refused"
    """It could not be imported, or ingest rejected it; `reason` says why."""
    SKIPPED = "skipped"
    """It is no sound: a picture, a text, a preset."""


class ImportCounts(Message):
    """Number of files by state."""

    total: Annotated[int, Field(ge=0)] = 0
    waiting: Annotated[int, Field(ge=0)] = 0
    added: Annotated[int, Field(ge=0)] = 0
    duplicate: Annotated[int, Field(ge=0)] = 0
    refused: Annotated[int, Field(ge=0)] = 0
    skipped: Annotated[int, Field(ge=0)] = 0


class Import(Message):
    """An import and how far it is."""

    id: ImportId
    provider: str
    reference: str
    state: ImportState
    title: str
    """Name of the pack, podcast or album."""
    collection: CollectionId | None = None
    """Where its items are collected."""
    files: ImportCounts
    failure: str | None = None
    """Why the import failed, as text for a person."""
    created: datetime
    updated: datetime


class ImportFile(Message):
    """One file of an import."""

    position: Annotated[int, Field(ge=0)]
    name: str
    """Its name, in a pack with its folders."""
    state: ImportFileState
    item: ItemId | None = None
    reason: str | None = None
    """Why it was refused or skipped, as text for a person."""


class ImportProvider(Message):
    """A provider that this server has."""

    name: str
    title: str
    """What it imports, as text for a person."""
    needs_key: bool = False
    """Whether it needs your API key."""
