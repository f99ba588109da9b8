"""Indexes of what each owner has waiting and running, and of what crashed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_QUEUED = sa.text("state = 'queued'")
_CRASHED = sa.text("reason = 'crash'")
_RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.drop_index("ix_jobs_live", "jobs")
    op.drop_index("ix_jobs_running", "jobs")
    op.create_index(
        "ix_jobs_running",
        "jobs",
        ["owner", "lease_until"],
        postgresql_where=_RUNNING,
        sqlite_where=_RUNNING,
    )
    op.create_index(
        "ix_jobs_crashed",
        "jobs",
        ["owner", "task", "inputs_sha256"],
        postgresql_where=_CRASHED,
        sqlite_where=_CRASHED,
    )
    op.create_index(
        "ix_jobs_waiting", "jobs", ["owner"], postgresql_where=_QUEUED, sqlite_where=_QUEUED
    )
