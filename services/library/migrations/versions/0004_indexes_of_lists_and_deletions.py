"""Indexes of what lists are narrowed by and gauges look at; deletions; shorter search texts."""

import sqlalchemy as sa
from alembic import op

import kit.database.base

revision = "0004"
down_revision = "0003"

_ENDED = sa.text("finished IS NOT NULL")


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.add_column("items", sa.Column("deleted_at", kit.database.base.Utc(), nullable=True))
    op.execute("UPDATE items SET search = substr(search, 1, 8192) WHERE length(search) > 8192")
    op.drop_index("ix_items_parent", "items")
    op.create_index("ix_items_parent", "items", ["parent", "created", "id"])
    for table, name, columns in (
        ("items", "ix_items_kind", ("owner", "kind")),
        ("items", "ix_items_state", ("owner", "state")),
        ("runs", "ix_runs_state", ("owner", "state")),
        ("jobs", "ix_jobs_task", ("owner", "task")),
        ("jobs", "ix_jobs_state", ("owner", "state")),
        ("jobs", "ix_jobs_task_state", ("owner", "task", "state")),
    ):
        op.create_index(name, table, [*columns, "created", "id"])
    op.create_index(
        "ix_jobs_finished", "jobs", ["finished"], postgresql_where=_ENDED, sqlite_where=_ENDED
    )
    op.create_table(
        "deletions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("created", kit.database.base.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletions")),
    )
    op.create_index("ix_deletions_created", "deletions", ["created"])
