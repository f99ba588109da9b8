"""Rows of pipelines and their runs."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Index,
    UniqueConstraint,
)
from sqlmodel import Field

from kit.database.base import Json, Utc
from services.library.metadata import Table


class PipelineRow(Table, table=True):
    """A pipeline that an owner stored."""

    __tablename__ = "pipelines"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: str = Field(primary_key=True)
    owner: str
    name: str
    spec: dict[str, Any] = Field(sa_type=Json)
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)


class RunRow(Table, table=True):
    """One walk of a pipeline over one item; its copy of the spec cannot change under it."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_page", "owner", "created", "id"),
        Index("ix_runs_state", "owner", "state", "created", "id"),
        Index("ix_runs_item", "item"),
    )

    id: str = Field(primary_key=True)
    owner: str
    item: str = Field(foreign_key="items.id", ondelete="CASCADE")
    spec: dict[str, Any] = Field(sa_type=Json)
    state: str
    priority: str
    force: bool = False
    steps: dict[str, Any] = Field(default_factory=dict, sa_type=Json, nullable=False)
    """What the run has decided of each step so far."""
    cancel_requested: bool = False
    traceparent: str = ""
    created: datetime = Field(sa_type=Utc)
    finished: datetime | None = Field(default=None, sa_type=Utc)
