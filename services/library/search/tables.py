"""Rows of the search: a document for each item, its tags, and the revision of each owner.

The full-text index `search_index` is not mapped: on SQLite it is a virtual table of FTS5, on
Postgres a table with a `tsvector`. `services.library.search.fulltext` reads and writes it.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Float, Index, SmallInteger, String, false, text
from sqlmodel import Field

from kit.database.base import Serial, Utc
from services.library.metadata import METADATA, UNMAPPED, Table

METADATA.info.setdefault(UNMAPPED, []).append("search_index")


_BYTE_ORDER = String().with_variant(String(collation="C"), "postgresql")
"""Text that both databases compare by its bytes, whatever the server's language is."""


class SearchDocumentRow(Table, table=True):
    """What can be searched for of an item, written in the transaction that changes the item.

    The document of a removed item stays for a day, so that every process that holds the columns
    in memory learns that it is gone.
    """

    __tablename__ = "search_documents"
    __table_args__ = (
        # Which documents changed since a revision.
        Index("ix_search_documents_revision", "owner", "revision", "id"),
        # The order by name, read from the index alone.
        Index("ix_search_documents_name", "owner", "name_key", "id"),
        Index(
            "ix_search_documents_removed",
            "updated",
            postgresql_where=text("removed"),
            sqlite_where=text("removed = 1"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    """Grows in the order in which an owner's documents were first written."""
    item: str = Field(unique=True)
    owner: str
    revision: int = Field(sa_type=BigInteger)
    """The owner's revision at the last change of the document."""
    removed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    name_key: str = Field(sa_type=_BYTE_ORDER)
    """The name as names are sorted: folded, cut to 200 characters."""
    kind: str
    sound_class: str | None = None
    class_confidence: float | None = Field(default=None, sa_type=Float)
    class_source: str | None = None
    stem: str | None = None
    song: str | None = None
    """The root of its lineage; absent for an item without a parent."""
    parent: str | None = None
    bpm: float | None = Field(default=None, sa_type=Float)
    key: str | None = None
    camelot: str | None = None
    duration: float | None = Field(default=None, sa_type=Float)
    """Seconds."""
    loudness: float | None = Field(default=None, sa_type=Float)
    """LUFS."""
    brightness: float | None = Field(default=None, sa_type=Float)
    """Hertz."""
    noisiness: float | None = Field(default=None, sa_type=Float)
    """Spectral flatness, 0 to 1."""
    attack: float | None = Field(default=None, sa_type=Float)
    """Seconds."""
    pitch: float | None = Field(default=None, sa_type=Float)
    """Hertz."""
    favourite: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    rating: int | None = Field(default=None, sa_type=SmallInteger)
    licence: str | None = None
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)
    bpm_source: str | None = None
    key_source: str | None = None
    machine_class: str | None = None
    """The class that tagging found, also while the user's counts."""
    machine_confidence: float | None = Field(default=None, sa_type=Float)


class SearchTagRow(Table, table=True):
    """A tag of a document."""

    __tablename__ = "search_tags"

    document: int = Field(
        primary_key=True, foreign_key="search_documents.id", ondelete="CASCADE", sa_type=BigInteger
    )
    tag: str = Field(primary_key=True)
    """Folded."""
    source: str = Field(primary_key=True)
    confidence: float | None = Field(default=None, sa_type=Float)


class SearchRevisionRow(Table, table=True):
    """The number of changes of an owner's documents.

    Whoever writes documents updates this row first, whose lock lasts until the commit: revisions
    become visible in their order.
    """

    __tablename__ = "search_revisions"

    owner: str = Field(primary_key=True)
    revision: int = Field(sa_type=BigInteger)


class SearchPendingRow(Table, table=True):
    """A file of tags that search documents do not show yet."""

    __tablename__ = "search_pending"

    artifact: str = Field(primary_key=True, foreign_key="artifacts.id", ondelete="CASCADE")
    tries: int = 0
    """How often the object store could not be asked for it."""
    due: datetime = Field(sa_type=Utc)
