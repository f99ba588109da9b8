"""Rows of imports: one for each import, and one for each of its files."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from kit.database.base import Json, Utc
from services.library.metadata import Table


class ImportRow(Table, table=True):
    """An import."""

    __tablename__ = "imports"
    __table_args__ = (
        Index("ix_imports_page", "owner", "created", "id"),
        Index("ix_imports_due", "state", "due", "id"),
    )

    id: str = Field(primary_key=True)
    owner: str
    provider: str
    reference: str
    state: str
    title: str = ""
    options: dict[str, Any] = Field(default_factory=dict, sa_type=Json, nullable=False)
    """The kind and the tags of the items, and whether a pack gets a collection of its own."""
    upload: str | None = None
    """The upload of a pack."""
    collection: str | None = None
    failure: str | None = None
    due: datetime = Field(sa_type=Utc)
    """When the next step may be made; imports take turns in this order."""
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)


class ImportFileRow(Table, table=True):
    """A file of an import."""

    __tablename__ = "import_files"
    __table_args__ = (Index("ix_import_files_state", "import_id", "state", "position"),)

    import_id: str = Field(primary_key=True, foreign_key="imports.id", ondelete="CASCADE")
    position: int = Field(primary_key=True)
    owner: str
    state: str
    name: str
    source: str
    """The address of the file; in a pack its place in the archive's directory."""
    details: dict[str, Any] = Field(default_factory=dict, sa_type=Json, nullable=False)
    """`services.library.imports.files.FileDetails` as JSON."""
    upload: str | None = None
    item: str | None = None
    reason: str | None = None
    tries: int = 0
    """Downloads that failed."""
