"""One-time codes that start a session.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "sign_in_codes",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("expires", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_sign_in_codes_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sha256", name="pk_sign_in_codes"),
    )
    op.create_index("ix_sign_in_codes_account", "sign_in_codes", ["account"], unique=False)


def downgrade() -> None:
    """Remove them."""
    op.drop_table("sign_in_codes")
