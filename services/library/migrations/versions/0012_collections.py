"""Favourites, ratings, custom tags and collections."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Json, Utc

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.add_column(
        "items", sa.Column("favourite", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("items", sa.Column("rating", sa.Integer(), nullable=True))
    op.add_column("items", sa.Column("tags", Json(), nullable=False, server_default="[]"))
    op.create_table(
        "item_tags",
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item"],
            ["items.id"],
            name=op.f("fk_item_tags_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("item", "key", name=op.f("pk_item_tags")),
    )
    op.create_index("ix_item_tags_key", "item_tags", ["owner", "key", "name"])
    op.create_table(
        "collections",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("cover_item", sa.String(), nullable=True),
        sa.Column("cover_artifact", sa.String(), nullable=True),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("updated", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent"],
            ["collections.id"],
            name=op.f("fk_collections_parent"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["cover_item"],
            ["items.id"],
            name=op.f("fk_collections_cover_item"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["cover_artifact"],
            ["artifacts.id"],
            name=op.f("fk_collections_cover_artifact"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collections")),
    )
    op.create_index("ix_collections_page", "collections", ["owner", "kind", "created", "id"])
    op.create_index("ix_collections_parent", "collections", ["parent", "created", "id"])
    op.create_index("ix_collections_cover_item", "collections", ["cover_item"])
    op.create_index("ix_collections_cover_artifact", "collections", ["cover_artifact"])
    op.create_table(
        "collection_items",
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("added", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection"],
            ["collections.id"],
            name=op.f("fk_collection_items_collection"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["item"],
            ["items.id"],
            name=op.f("fk_collection_items_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection", "item", name=op.f("pk_collection_items")),
    )
    op.create_index(
        "ix_collection_items_order", "collection_items", ["collection", "position", "item"]
    )
    op.create_index("ix_collection_items_item", "collection_items", ["item"])
    op.create_table(
        "collection_links",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("expires", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection"],
            ["collections.id"],
            name=op.f("fk_collection_links_collection"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_links")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_collection_links_secret_sha256")),
    )
    op.create_index("ix_collection_links_page", "collection_links", ["collection", "created", "id"])
    op.create_table(
        "collection_shares",
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("expires", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["collection"],
            ["collections.id"],
            name=op.f("fk_collection_shares_collection"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["link"],
            ["collection_links.id"],
            name=op.f("fk_collection_shares_link"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection", "account", name=op.f("pk_collection_shares")),
    )
    op.create_index(
        "ix_collection_shares_account", "collection_shares", ["account", "created", "collection"]
    )
    op.create_index("ix_collection_shares_link", "collection_shares", ["link"])
