"""Maps of sounds, and their points."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Json, Utc

revision = "0024"
down_revision = "0023"

_UNFINISHED = sa.text("state IN ('waiting', 'computing')")


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "maps",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("collection", sa.String(), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("stale", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("dimension", sa.Integer(), nullable=True),
        sa.Column("laid_out", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("trustworthiness", sa.Float(), nullable=True),
        sa.Column("labels", Json(), nullable=False),
        sa.Column("computed", Utc(), nullable=True),
        sa.Column("requested", Utc(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection"],
            ["collections.id"],
            name=op.f("fk_maps_collection"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maps")),
    )
    op.create_index("ix_maps_name", "maps", ["owner", "name"], unique=True)
    op.create_index("ix_maps_collection", "maps", ["collection"])
    op.create_index(
        "ix_maps_unfinished",
        "maps",
        ["requested"],
        postgresql_where=_UNFINISHED,
        sqlite_where=_UNFINISHED,
    )
    op.create_index(
        "ix_maps_stale",
        "maps",
        ["id"],
        postgresql_where=sa.text("stale"),
        sqlite_where=sa.text("stale"),
    )
    op.create_table(
        "map_parts",
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["map"], ["maps.id"], name=op.f("fk_map_parts_map"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("map", "number", name=op.f("pk_map_parts")),
    )
    # The sounds of an owner in one space, page by page.
    op.create_index("ix_sounds_space", "sounds", ["owner", "space", "version", "item"])
