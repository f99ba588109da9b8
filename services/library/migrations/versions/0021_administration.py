"""What administrators see and set: workers, run times of tasks, quotas of owners."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Json, Utc

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "workers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("producer", Json(), nullable=False),
        sa.Column("about", Json(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("first_seen", Utc(), nullable=False),
        sa.Column("last_seen", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_index("ix_workers_seen", "workers", ["last_seen"])
    op.create_table(
        "run_times",
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("recent", Json(), nullable=False),
        sa.Column("median_run", sa.Float(), nullable=False),
        sa.Column("intercept", sa.Float(), nullable=False),
        sa.Column("slope", sa.Float(), nullable=False),
        sa.Column("measured", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("task", name=op.f("pk_run_times")),
    )
    op.add_column("usage", sa.Column("quota", sa.BigInteger(), nullable=True))
