"""That an item is deleted is read from the deletions alone."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.drop_column("items", "deleted_at")
