"""Rows of webhooks, and of the events that are sent to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from kit.database.base import Json, Utc
from services.library.metadata import Table


class WebhookRow(Table, table=True):
    """A webhook."""

    __tablename__ = "webhooks"
    __table_args__ = (Index("ix_webhooks_page", "owner", "created", "id"),)

    id: str = Field(primary_key=True)
    owner: str
    url: str
    event_types: list[Any] = Field(default_factory=list, sa_type=Json, nullable=False)
    """Types of events, sorted; none means all."""
    description: str = ""
    state: str
    reason: str | None = None
    secret: str
    """The secret that signs, encrypted."""
    previous_secret: str | None = None
    """The secret before it, encrypted, which also signs until `previous_until`."""
    previous_until: datetime | None = Field(default=None, sa_type=Utc)
    failing_since: datetime | None = Field(default=None, sa_type=Utc)
    tested: datetime | None = Field(default=None, sa_type=Utc)
    """When the last test started."""
    paced: datetime = Field(sa_type=Utc)
    """When its next event may be sent: the theoretical arrival time of the generic cell rate
    algorithm."""
    deleted: bool = False
    """Whether its owner deleted it: nobody sees it, and its deliveries are removed, then it."""
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)


class WebhookDeliveryRow(Table, table=True):
    """An event on its way to a webhook, with its last attempt."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook", "event"),
        Index("ix_webhook_deliveries_page", "webhook", "created", "id"),
        Index("ix_webhook_deliveries_created", "created"),
        Index(
            "ix_webhook_deliveries_due",
            "webhook",
            "due",
            postgresql_where=text("due IS NOT NULL"),
            sqlite_where=text("due IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    webhook: str = Field(foreign_key="webhooks.id", ondelete="CASCADE")
    owner: str
    event: str
    type: str
    state: str
    attempts: int = 0
    """Attempts that ended."""
    due: datetime | None = Field(default=None, sa_type=Utc)
    """When it may be sent; while it is being sent, when another library may take it over."""
    created: datetime = Field(sa_type=Utc)
    attempted: datetime | None = Field(default=None, sa_type=Utc)
    status: int | None = None
    duration: float | None = None
    """Seconds."""
    reason: str | None = None
    answer: str | None = None
