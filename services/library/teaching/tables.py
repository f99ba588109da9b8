"""Rows of taught tags: the tag, the versions of its model, and the answers."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, Index, false, text
from sqlmodel import Field

from kit.database.base import Json, Utc
from services.library.metadata import Table


class TaughtTagRow(Table, table=True):
    """A custom tag that learns."""

    __tablename__ = "taught_tags"
    __table_args__ = (
        Index("uq_taught_tags", "owner", "key", unique=True),
        Index(
            "ix_taught_tags_pending",
            "updated",
            postgresql_where=text("pending"),
            sqlite_where=text("pending = 1"),
        ),
    )

    id: str = Field(primary_key=True)
    owner: str
    key: str
    """The name without case, accents and width, as in `item_tags`."""
    name: str
    threshold: float | None = Field(default=None, sa_type=Float)
    """The owner's choice; absent for that of the version."""
    applies_until: datetime | None = Field(default=None, sa_type=Utc)
    """Items that were added later are not proposed; absent if all are."""
    version: int | None = None
    """The version in use."""
    last_version: int = 0
    imported: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    """Models that learning starts from, as `contracts.teaching.LinearModel`."""
    revision: int = 0
    """Grows with every change of the answers."""
    pending: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether answers changed that no version has learnt from."""
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)


class TaughtTagVersionRow(Table, table=True):
    """The model of a taught tag after some answers."""

    __tablename__ = "taught_tag_versions"

    tag: str = Field(primary_key=True, foreign_key="taught_tags.id", ondelete="CASCADE")
    number: int = Field(primary_key=True)
    yes: int
    no: int
    threshold: float = Field(sa_type=Float)
    models: list[dict[str, Any]] = Field(sa_type=Json)
    """As `contracts.teaching.LinearModel`, one for each space."""
    score: dict[str, float] | None = Field(default=None, sa_type=Json)
    created: datetime = Field(sa_type=Utc)


class TagAnswerRow(Table, table=True):
    """The owner's answer to whether an item has a taught tag."""

    __tablename__ = "tag_answers"
    __table_args__ = (
        Index("ix_tag_answers_item", "item"),
        Index("ix_tag_answers_answered", "tag", "answered", "item"),
    )

    tag: str = Field(primary_key=True, foreign_key="taught_tags.id", ondelete="CASCADE")
    item: str = Field(primary_key=True, foreign_key="items.id", ondelete="CASCADE")
    answer: str
    answered: datetime = Field(sa_type=Utc)
