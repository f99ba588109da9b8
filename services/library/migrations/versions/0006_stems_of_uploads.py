"""The stem that an upload is said to be."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.add_column("uploads", sa.Column("stem", sa.String(), nullable=True))
