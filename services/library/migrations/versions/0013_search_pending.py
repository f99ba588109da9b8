"""Files of tags that search documents do not show yet."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Utc

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "search_pending",
        sa.Column("artifact", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact"],
            ["artifacts.id"],
            name=op.f("fk_search_pending_artifact"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("artifact", name=op.f("pk_search_pending")),
    )
