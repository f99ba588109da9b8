"""Rows of recommendations: the lists, and what their owner dismissed."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field

from contracts.jobs import TaskName
from kit.database.base import Utc
from services.library.metadata import Table

USE = TaskName.EXPORT
"""Jobs of this task tell that their owner uses the item."""
_OUTDATED = text("outdated IS NOT NULL")


class RecommendationListRow(Table, table=True):
    """The recommendations for an account, or for a collection, with which they go."""

    __tablename__ = "recommendation_lists"
    __table_args__ = (
        Index("ix_recommendation_lists_owner", "owner", "used"),
        Index("ix_recommendation_lists_collection", "collection"),
        Index(
            "ix_recommendation_lists_outdated",
            "outdated",
            postgresql_where=_OUTDATED,
            sqlite_where=_OUTDATED,
        ),
    )

    id: str = Field(primary_key=True)
    """The collection's id; for the account the owner's. For a collection that another owner shares
    it is derived from both."""
    owner: str
    collection: str | None = Field(default=None, foreign_key="collections.id", ondelete="CASCADE")
    """Absent for the account."""
    candidates: bytes = Field(default=b"", sa_type=LargeBinary)
    """At most `contracts.recommendations.MAX_STORED`, as `candidates.DTYPE`, in their order."""
    examples: int = 0
    generation: int = 0
    """Grows whenever the list is outdated; a computation that began before is not the last."""
    outdated: datetime | None = Field(default=None, sa_type=Utc)
    """Since when the list has to be computed again."""
    computed: datetime | None = Field(default=None, sa_type=Utc)
    used: datetime = Field(sa_type=Utc)
    """When its collection changed or the list was read last; see `lists.MAX_LISTS`."""


class RecommendationDismissalRow(Table, table=True):
    """An item that its owner does not want to see recommended."""

    __tablename__ = "recommendation_dismissals"
    __table_args__ = (
        Index("ix_recommendation_dismissals_owner", "owner", "item"),
        Index("ix_recommendation_dismissals_page", "owner", "dismissed", "item"),
    )

    item: str = Field(primary_key=True, foreign_key="items.id", ondelete="CASCADE")
    owner: str
    dismissed: datetime = Field(sa_type=Utc)
