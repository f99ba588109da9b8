"""Rows of query sounds."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field

from kit.database.base import Json, Utc
from services.library.metadata import Table


class QuerySoundRow(Table, table=True):
    """A sound that is only searched by; it is neither an item nor has artifacts."""

    __tablename__ = "query_sounds"
    __table_args__ = (
        Index("ix_query_sounds_owner", "owner", "created", "id"),
        Index("ix_query_sounds_expires", "expires"),
    )

    id: str = Field(primary_key=True)
    """That of its upload."""
    owner: str
    name: str
    state: str
    reason: str | None = None
    object_key: str
    """Of the uploaded file."""
    tags_key: str | None = None
    """Of the file of its tags, as long as that waits to be read."""
    tags_sha256: str | None = None
    space: str | None = None
    version: str | None = None
    vector: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Half-precision numbers, little-endian."""
    measured: dict[str, float | None] = Field(default_factory=dict, sa_type=Json, nullable=False)
    """Measured values by the names of `MeasuredField`."""
    created: datetime = Field(sa_type=Utc)
    expires: datetime = Field(sa_type=Utc)
