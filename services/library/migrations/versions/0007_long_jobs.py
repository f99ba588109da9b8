"""Whether a job is expected to take long, and the index of waiting jobs by it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_QUEUED = sa.text("state = 'queued'")


def upgrade() -> None:
    """Bring the tables up to this revision."""
    # Jobs that wait now count as short: they keep the order that they came in.
    op.add_column(
        "jobs", sa.Column("long", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.drop_index("ix_jobs_queued", "jobs")
    op.create_index(
        "ix_jobs_queued",
        "jobs",
        ["task", "owner", "priority", "long", "queued", "id"],
        postgresql_where=_QUEUED,
        sqlite_where=_QUEUED,
    )
