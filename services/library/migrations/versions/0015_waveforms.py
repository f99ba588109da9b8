"""The small waveforms of items."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "waveforms",
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item"], ["items.id"], name=op.f("fk_waveforms_item"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_waveforms")),
    )
