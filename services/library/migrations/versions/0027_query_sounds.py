"""Query sounds: sounds that are only searched by."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Json, Utc

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "query_sounds",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("object_key", sa.String(), nullable=False),
        sa.Column("tags_key", sa.String(), nullable=True),
        sa.Column("tags_sha256", sa.String(), nullable=True),
        sa.Column("space", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("measured", Json(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("expires", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_query_sounds")),
    )
    op.create_index("ix_query_sounds_owner", "query_sounds", ["owner", "created", "id"])
    op.create_index("ix_query_sounds_expires", "query_sounds", ["expires"])
