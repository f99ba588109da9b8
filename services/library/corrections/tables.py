"""Rows of corrections: a version for each change of a field."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field

from kit.database.base import Utc
from services.library.metadata import Table


class CorrectionRow(Table, table=True):
    """A version of a correction; the newest one of a field counts.

    `items.corrected` repeats what counts now, for whoever reads items.
    """

    __tablename__ = "corrections"

    item: str = Field(primary_key=True, foreign_key="items.id", ondelete="CASCADE")
    field: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    owner: str
    value: bytes | None = Field(default=None, sa_type=LargeBinary)
    """The value as compressed JSON (zlib); absent if this version took the correction back."""
    size: int = 0
    """Bytes of its JSON."""
    entries: int | None = None
    """Entries of a lane."""
    by: str
    """The user who wrote it."""
    created: datetime = Field(sa_type=Utc)
