"""Rows of the catalogue: items, their files, uploads, deletions."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Index,
    UniqueConstraint,
    false,
)
from sqlmodel import Field

from kit.database.base import Json, Utc
from services.library.metadata import Table, item_of_subject


class ItemRow(Table, table=True):
    """An item. `sha256` is that of the original; an item cut from another has none."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("owner", "sha256"),
        # A page of a list is read from one of these as it lies, whatever it is narrowed by.
        Index("ix_items_page", "owner", "created", "id"),
        Index("ix_items_kind", "owner", "kind", "created", "id"),
        Index("ix_items_state", "owner", "state", "created", "id"),
        Index("ix_items_parent", "parent", "created", "id"),
    )

    id: str = Field(primary_key=True)
    owner: str
    kind: str
    declared: str | None = None
    """What the uploader said it is, for ingest."""
    state: str
    name: str
    labels: dict[str, str] = Field(default_factory=dict, sa_type=Json, nullable=False)
    """What `metadata` is called in the API; the name is taken in here."""
    search: str = ""
    """Name and labels, folded, for text search."""
    sha256: str | None = None
    audio: dict[str, Any] | None = Field(default=None, sa_type=Json)
    bpm: float | None = None
    parent: str | None = Field(default=None, foreign_key="items.id", ondelete="CASCADE")
    parent_job: str | None = None
    stem: str | None = None
    start: int | None = Field(default=None, sa_type=BigInteger)
    end: int | None = Field(default=None, sa_type=BigInteger)
    rejection: str | None = None
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)
    favourite: bool = False
    rating: int | None = None
    tags: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json, nullable=False)
    """Custom tags as the API shows them; `item_tags` is their index."""
    corrected: dict[str, Any] = Field(default_factory=dict, sa_type=Json, nullable=False)
    """What the user corrected, as the API shows it; `corrections` holds the values of lanes."""
    uncorrected_bpm: float | None = None
    """While `bpm` is a correction: the tempo that counts again once it is taken back."""


class ArtifactRow(Table, table=True):
    """A stored file that belongs to a subject."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("ix_artifacts_page", "owner", "created", "id"),
        Index("ix_artifacts_item", "item", "kind"),
        Index("ix_artifacts_job", "job"),
        Index("ix_artifacts_stored", "owner", "kind", "size"),
        item_of_subject(),
    )

    id: str = Field(primary_key=True)
    owner: str
    item: str | None = Field(default=None, foreign_key="items.id", ondelete="CASCADE")
    """The subject, where that is an item: then the file goes with it."""
    job: str | None = None
    kind: str
    name: str
    media_type: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    bucket: str
    object_key: str
    stem: str | None = None
    start: int | None = Field(default=None, sa_type=BigInteger)
    end: int | None = Field(default=None, sa_type=BigInteger)
    audio: dict[str, Any] | None = Field(default=None, sa_type=Json)
    created: datetime = Field(sa_type=Utc)
    subject_kind: str
    subject_id: str


class WaveformRow(Table, table=True):
    """The small waveform of an item's audio."""

    __tablename__ = "waveforms"

    item: str = Field(primary_key=True, foreign_key="items.id", ondelete="CASCADE")
    data: bytes
    """`contracts.waveforms.WaveformData` without its Base64."""


OPENING = "opening"
"""An upload that is written down, while the store is still to be asked for it."""


class UploadRow(Table, table=True):
    """An upload under way, or what became of it."""

    __tablename__ = "uploads"
    __table_args__ = (
        Index("ix_uploads_page", "owner", "created", "id"),
        Index("ix_uploads_state", "state", "created"),
        Index("ix_uploads_coming", "owner", "state", "size"),
    )

    id: str = Field(primary_key=True)
    owner: str
    state: str
    name: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    kind: str | None = None
    labels: dict[str, str] = Field(default_factory=dict, sa_type=Json, nullable=False)
    object_key: str
    reference: str
    """The store's own name of the multipart upload."""
    part_size: int = Field(sa_type=BigInteger)
    item: str | None = None
    job: str | None = None
    duplicate: bool = False
    created: datetime = Field(sa_type=Utc)
    expires: datetime = Field(sa_type=Utc)
    stem: str | None = None


class DeletionRow(Table, table=True):
    """A deletion: of an item with all that was cut from it, or of an owner.

    As long as it stands, nobody finds the items, nor their files, jobs and runs. That of a hidden
    item begins when it is due, and until then it can be undone.
    """

    __tablename__ = "deletions"
    __table_args__ = (
        Index("ix_deletions_created", "created"),
        Index("ix_deletions_page", "owner", "hidden", "created", "id"),
        Index("ix_deletions_due", "due"),
    )

    id: str = Field(primary_key=True)
    """That of the item, or of the owner."""
    owner: str
    item: str | None = None
    """Absent where all of the owner goes."""
    created: datetime = Field(sa_type=Utc)
    hidden: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether the item is only hidden so far."""
    has_work: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether jobs over the hidden item may still be under way, which are to be cancelled."""
    due: datetime | None = Field(default=None, sa_type=Utc)
    """When the hidden item is deleted for good."""
    sha256: str | None = None
    """That of the hidden item."""
