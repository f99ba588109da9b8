"""Imports of packs, and from providers."""

from datetime import datetime
from typing import Literal

from cratedig.types.base import Answer

ImportState = Literal["queued", "running", "finished", "failed", "cancelled"]
ImportFileState = Literal["waiting", "added", "duplicate", "refused", "skipped"]


class ImportCounts(Answer):
    """Number of files by state."""

    total: int
    waiting: int
    added: int
    duplicate: int
    refused: int
    skipped: int


class Import(Answer):
    """An import and how far it is."""

    id: str
    provider: str
    reference: str
    state: ImportState
    title: str
    collection: str | None = None
    files: ImportCounts
    failure: str | None = None
    created: datetime
    updated: datetime

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.state in ("finished", "failed", "cancelled")


class ImportFile(Answer):
    """One file of an import; `reason` says why it was refused or skipped."""

    position: int
    name: str
    state: ImportFileState
    item: str | None = None
    reason: str | None = None


class ImportProvider(Answer):
    """A provider of the server."""

    name: str
    title: str
    needs_key: bool
