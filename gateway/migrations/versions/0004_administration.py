"""The audit log; disabled accounts, and links that clear a password.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "audit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=True),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_action", "audit", ["action", "id"], unique=False)
    op.create_index("ix_audit_actor", "audit", ["actor", "id"], unique=False)
    op.create_index("ix_audit_account", "audit", ["account", "id"], unique=False)
    op.add_column("accounts", sa.Column("disabled_at", Utc(), nullable=True))
    op.add_column("accounts", sa.Column("last_sign_in", Utc(), nullable=True))
    op.add_column(
        "sign_in_codes",
        sa.Column("reset", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_column("sign_in_codes", "reset")
    op.drop_column("accounts", "last_sign_in")
    op.drop_column("accounts", "disabled_at")
    op.drop_table("audit")
