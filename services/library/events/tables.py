"""Rows of events: those that were written, and those that were handled."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Index,
    text,
)
from sqlmodel import Field

from kit.database.base import Json, Serial, Utc
from services.library.metadata import Table


class EventRow(Table, table=True):
    """An event: written with what it tells of, published by the relay, read again by the feed."""

    __tablename__ = "events"
    __table_args__ = (
        Index(
            "ix_events_unpublished",
            "seq",
            postgresql_where=text("published IS NULL"),
            sqlite_where=text("published IS NULL"),
        ),
        Index("ix_events_feed", "owner", "topic", "xid", "seq"),
        Index("ix_events_time", "time"),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    id: str = Field(unique=True)
    xid: int = Field(default=0, sa_type=BigInteger)
    """The transaction that wrote it, on Postgres: readers with a cursor stop before live ones."""
    topic: str
    key: str
    type: str
    event_subject: str
    """The CloudEvents attribute `subject`: the id of what it happened to."""
    data: dict[str, Any] = Field(sa_type=Json)
    time: datetime = Field(sa_type=Utc)
    traceparent: str = ""
    owner: str | None = None
    job: str | None = None
    run: str | None = None
    sequence: int | None = None
    """The job's own count of its events."""
    published: datetime | None = Field(default=None, sa_type=Utc)
    subject_kind: str | None = None
    """With `subject_id`, the thing in the catalogue that it belongs to."""
    subject_id: str | None = None


class InboxRow(Table, table=True):
    """An event that was handled: a second delivery of it is dropped."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_received", "received"),)

    consumer: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    received: datetime = Field(sa_type=Utc)
