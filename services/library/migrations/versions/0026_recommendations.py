"""Recommendations: lists, dismissals, and which sounds no list has been compared with."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Utc

revision = "0026"
down_revision = "0025"

_OUTDATED = sa.text("outdated IS NOT NULL")
_UNSCORED = sa.text("NOT scored")


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "recommendation_lists",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("collection", sa.String(), nullable=True),
        sa.Column("candidates", sa.LargeBinary(), nullable=False),
        sa.Column("examples", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("outdated", Utc(), nullable=True),
        sa.Column("computed", Utc(), nullable=True),
        sa.Column("used", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection"],
            ["collections.id"],
            name=op.f("fk_recommendation_lists_collection"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommendation_lists")),
    )
    op.create_index("ix_recommendation_lists_owner", "recommendation_lists", ["owner", "used"])
    op.create_index("ix_recommendation_lists_collection", "recommendation_lists", ["collection"])
    op.create_index(
        "ix_recommendation_lists_outdated",
        "recommendation_lists",
        ["outdated"],
        postgresql_where=_OUTDATED,
        sqlite_where=_OUTDATED,
    )
    op.create_table(
        "recommendation_dismissals",
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("dismissed", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item"],
            ["items.id"],
            name=op.f("fk_recommendation_dismissals_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_recommendation_dismissals")),
    )
    op.create_index(
        "ix_recommendation_dismissals_owner", "recommendation_dismissals", ["owner", "item"]
    )
    op.add_column(
        "sounds", sa.Column("scored", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.create_index(
        "ix_sounds_unscored",
        "sounds",
        ["item"],
        postgresql_where=_UNSCORED,
        sqlite_where=_UNSCORED,
    )
