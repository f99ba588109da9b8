"""Rows of saved searches and of what each of them found."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from kit.database.base import Utc
from services.library.metadata import Table


class SavedSearchRow(Table, table=True):
    """A saved search."""

    __tablename__ = "saved_searches"
    __table_args__ = (
        UniqueConstraint("owner", "name_key"),
        Index("ix_saved_searches_page", "owner", "created", "id"),
    )

    id: str = Field(primary_key=True)
    owner: str
    name: str
    name_key: str
    """The name folded, as names are compared."""
    q: str
    notify: bool = False
    wide: bool = False
    """Whether what it finds depends on more than the documents that it finds, as with `in:`."""
    total: int | None = Field(default=None, sa_type=BigInteger)
    """Absent for a search with `like:`, which is never matched."""
    new: int = Field(default=0, sa_type=BigInteger)
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)
    seen: datetime = Field(sa_type=Utc)


class SavedSearchResultRow(Table, table=True):
    """The documents that a saved search found last; a search with `like:` has no row."""

    __tablename__ = "saved_search_results"

    search: str = Field(primary_key=True, foreign_key="saved_searches.id", ondelete="CASCADE")
    matches: bytes
    """Ids as `encode_ids` writes them, those of hidden items included."""
    fresh: bytes
    """Those of `matches` that were not found when the search was last opened."""


class SavedSearchRevisionRow(Table, table=True):
    """Up to which revision of an owner's documents the saved searches were matched."""

    __tablename__ = "saved_search_revisions"

    owner: str = Field(primary_key=True)
    revision: int = Field(sa_type=BigInteger)
