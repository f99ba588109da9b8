"""Tables of the suite's own, with each kind of column."""

from datetime import datetime
from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from kit.database.base import Json, Serial, Utc

METADATA = MetaData()


class Table(SQLModel, registry=registry(metadata=METADATA)):
    """Base of the suite's tables."""


class Shelf(Table, table=True):
    """What owners have."""

    __tablename__ = "shelves"

    id: str = Field(primary_key=True)
    owner: str
    created: datetime = Field(sa_type=Utc)
    count: int = 0
    notes: dict[str, Any] | None = Field(default=None, sa_type=Json)


class Entry(Table, table=True):
    """What lies on a shelf, numbered."""

    __tablename__ = "entries"
    __table_args__ = {"sqlite_autoincrement": True}

    number: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    shelf: str = Field(foreign_key="shelves.id", ondelete="CASCADE")
