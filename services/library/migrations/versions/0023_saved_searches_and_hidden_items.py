"""Saved searches, what each of them found last, and deletions that can be undone."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "saved_searches",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("q", sa.String(), nullable=False),
        sa.Column("notify", sa.Boolean(), nullable=False),
        sa.Column("wide", sa.Boolean(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("new", sa.BigInteger(), nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.Column("updated", moment, nullable=False),
        sa.Column("seen", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_searches")),
        sa.UniqueConstraint("owner", "name_key", name=op.f("uq_saved_searches_owner_name_key")),
    )
    op.create_index("ix_saved_searches_page", "saved_searches", ["owner", "created", "id"])
    op.create_table(
        "saved_search_results",
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("matches", sa.LargeBinary(), nullable=False),
        sa.Column("fresh", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["search"],
            ["saved_searches.id"],
            name=op.f("fk_saved_search_results_search"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("search", name=op.f("pk_saved_search_results")),
    )
    op.create_table(
        "saved_search_revisions",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_saved_search_revisions")),
    )
    op.add_column(
        "deletions", sa.Column("hidden", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "deletions", sa.Column("has_work", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("deletions", sa.Column("due", moment, nullable=True))
    op.add_column("deletions", sa.Column("sha256", sa.String(), nullable=True))
    op.create_index("ix_deletions_page", "deletions", ["owner", "hidden", "created", "id"])
    op.create_index("ix_deletions_due", "deletions", ["due"])
