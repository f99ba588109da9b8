"""The index of custom tags."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from kit.database.base import Utc
from services.library.metadata import Table


class ItemTagRow(Table, table=True):
    """One custom tag of one item: the index of the column `tags` of items."""

    __tablename__ = "item_tags"
    __table_args__ = (Index("ix_item_tags_key", "owner", "key", "name"),)

    item: str = Field(primary_key=True, foreign_key="items.id", ondelete="CASCADE")
    key: str = Field(primary_key=True)
    """The name without case, accents and width: equal tags have the same key."""
    owner: str
    name: str
    source: str
    created: datetime = Field(sa_type=Utc)
