"""Deletions that can be undone: hidden items."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0021"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    moment = sa.DateTime(timezone=True)
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
