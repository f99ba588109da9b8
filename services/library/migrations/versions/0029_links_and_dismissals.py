"""Links to collections say what they give; dismissed recommendations are listed."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.add_column(
        "collection_links",
        sa.Column("access", sa.String(), nullable=False, server_default="account"),
    )
    op.create_index(
        "ix_recommendation_dismissals_page",
        "recommendation_dismissals",
        ["owner", "dismissed", "item"],
    )
