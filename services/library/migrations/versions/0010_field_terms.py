"""The field's terms for what rows hold: producers, reasons, timeouts and deadlines."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Json, Utc

revision = "0010"
down_revision = "0009"

_JOBS = {
    # `reason` first: its old name is the new one of `failure`.
    "reason": "reason_code",
    "failure": "reason",
    "make": "producer",
    "budget": "start_to_close_timeout",
    "start_by": "schedule_to_start_deadline",
    "close_by": "schedule_to_close_deadline",
}


def upgrade() -> None:
    """Bring the tables up to this revision."""
    for old, new in _JOBS.items():
        op.alter_column("jobs", old, new_column_name=new)
    # Workers write their rows again within a minute, so nothing is carried over.
    op.drop_table("makes")
    op.create_table(
        "producers",
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("producer", Json(), nullable=False),
        sa.Column("first_seen", Utc(), nullable=False),
        sa.Column("last_seen", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("task", "fingerprint", name="pk_producers"),
    )
