"""Rows of similarity: a sound for each item that tagging has described.

The vectors themselves are in the tables of `kit.vectors`.
"""

from sqlalchemy import ColumnElement, Index, LargeBinary, false, text, true
from sqlmodel import Field, col

from kit.database.plans import unindexed
from services.library.metadata import Table


class SoundRow(Table, table=True):
    """Where an item's vector is, and what duplicates of it are recognised by."""

    __tablename__ = "sounds"
    __table_args__ = (
        Index("ix_sounds_audio", "owner", "audio_sha256"),
        Index("ix_sounds_group", "owner", "duplicates", "item"),
        # The sounds of an owner in one space, page by page.
        Index("ix_sounds_space", "owner", "space", "version", "item"),
        Index(
            "ix_sounds_uncompared",
            "item",
            postgresql_where=text("NOT compared"),
            sqlite_where=text("compared = 0"),
        ),
        Index(
            "ix_sounds_unproposed",
            "item",
            postgresql_where=text("NOT proposed"),
            sqlite_where=text("proposed = 0"),
        ),
        Index(
            "ix_sounds_unscored",
            "item",
            postgresql_where=text("NOT scored"),
            sqlite_where=text("scored = 0"),
        ),
    )

    item: str = Field(primary_key=True, foreign_key="items.id", ondelete="CASCADE")
    owner: str
    space: str
    version: str
    dimension: int
    audio_sha256: str
    """Of its canonical audio, which ingest and slicing write without metadata."""
    fingerprint: bytes | None = Field(default=None, sa_type=LargeBinary)
    duplicates: str | None = None
    """The group of duplicates that it is in: the smallest id of an item that was ever in it."""
    compared: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether it was compared with the owner's other sounds since it was described."""
    proposed: bool = Field(default=False, sa_column_kwargs={"server_default": true()})
    """Whether taught tags were applied to it since it was described."""
    scored: bool = Field(default=False, sa_column_kwargs={"server_default": true()})
    """Whether recommendations were chosen with it since it was described."""


def sound_of(owner: str) -> ColumnElement[bool]:
    """Return the condition that a sound is an owner's, where sounds are looked up by items."""
    return unindexed(col(SoundRow.owner)) == owner
