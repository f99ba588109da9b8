"""Rows of collections: their items, and with whom they are shared."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from contracts.collections import LinkAccess
from kit.database.base import Utc
from services.library.metadata import Table


class CollectionRow(Table, table=True):
    """A collection. A built-in one has its row from the first change on."""

    __tablename__ = "collections"
    __table_args__ = (
        Index("ix_collections_page", "owner", "kind", "created", "id"),
        Index("ix_collections_parent", "parent", "created", "id"),
        # The database looks here for what it sets to NULL when an item or a file is deleted.
        Index("ix_collections_cover_item", "cover_item"),
        Index("ix_collections_cover_artifact", "cover_artifact"),
    )

    id: str = Field(primary_key=True)
    owner: str
    kind: str
    name: str
    note: str = ""
    parent: str | None = Field(default=None, foreign_key="collections.id", ondelete="SET NULL")
    cover_item: str | None = Field(default=None, foreign_key="items.id", ondelete="SET NULL")
    cover_artifact: str | None = Field(
        default=None, foreign_key="artifacts.id", ondelete="SET NULL"
    )
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)


class CollectionItemRow(Table, table=True):
    """An item in a collection; it goes with the item, and with the collection."""

    __tablename__ = "collection_items"
    __table_args__ = (
        Index("ix_collection_items_order", "collection", "position", "item"),
        Index("ix_collection_items_item", "item"),
    )

    collection: str = Field(primary_key=True, foreign_key="collections.id", ondelete="CASCADE")
    item: str = Field(primary_key=True, foreign_key="items.id", ondelete="CASCADE")
    position: int = Field(sa_type=BigInteger)
    """Rows are in the order of this number, with gaps between; in the tray it is the place."""
    locked: bool = False
    """Whether a place of the tray keeps its item."""
    added: datetime = Field(sa_type=Utc)


class CollectionLinkRow(Table, table=True):
    """A link to a collection: it makes accounts viewers, or is read without an account."""

    __tablename__ = "collection_links"
    __table_args__ = (Index("ix_collection_links_page", "collection", "created", "id"),)

    id: str = Field(primary_key=True)
    collection: str = Field(foreign_key="collections.id", ondelete="CASCADE")
    owner: str
    secret_sha256: str = Field(unique=True)
    created: datetime = Field(sa_type=Utc)
    expires: datetime = Field(sa_type=Utc)
    access: str = LinkAccess.ACCOUNT.value


class CollectionShareRow(Table, table=True):
    """An account that a collection is shared with."""

    __tablename__ = "collection_shares"
    __table_args__ = (
        Index("ix_collection_shares_account", "account", "created", "collection"),
        Index("ix_collection_shares_link", "link"),
    )

    collection: str = Field(primary_key=True, foreign_key="collections.id", ondelete="CASCADE")
    account: str = Field(primary_key=True)
    role: str
    link: str | None = Field(default=None, foreign_key="collection_links.id", ondelete="CASCADE")
    created: datetime = Field(sa_type=Utc)
    expires: datetime | None = Field(default=None, sa_type=Utc)
