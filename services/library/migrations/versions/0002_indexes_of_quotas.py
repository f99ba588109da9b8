"""Indexes of what an owner has stored and under way, which each new upload asks for."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_index("ix_artifacts_stored", "artifacts", ["owner", "kind", "size"])
    op.create_index("ix_uploads_coming", "uploads", ["owner", "state", "size"])
