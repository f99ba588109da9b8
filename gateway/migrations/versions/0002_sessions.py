"""A login has a row of its own; invitations.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a session of each family of refresh tokens."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("expires", Utc(), nullable=False),
        sa.Column("revoked_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_sessions_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_account", "sessions", ["account"], unique=False)
    op.execute(
        "INSERT INTO sessions (id, account, created, expires, revoked_at)"
        " SELECT family, account, min(created), max(expires),"
        " max(CASE WHEN revoked THEN created END)"
        " FROM refresh_tokens GROUP BY family, account"
    )
    # Neither database can change which table a column points to, so the table is made anew.
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM refresh_tokens")
    op.drop_table("refresh_tokens")
    op.create_table(
        "refresh_tokens",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("used", Utc(), nullable=True),
        sa.Column("created", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session"], ["sessions.id"], name="fk_refresh_tokens_session", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sha256", name="pk_refresh_tokens"),
    )
    op.create_index("ix_refresh_tokens_session", "refresh_tokens", ["session"], unique=False)
    op.execute(
        "INSERT INTO refresh_tokens (sha256, session, used, created)"
        " SELECT sha256, family, used, created FROM kept"
    )
    op.execute("DROP TABLE kept")
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("expires", Utc(), nullable=False),
        sa.Column("used", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_invitations_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("sha256", name="uq_invitations_sha256"),
    )
    op.create_index("ix_invitations_account", "invitations", ["account"], unique=False)


def downgrade() -> None:
    """Remove them; everybody logs in again."""
    op.drop_table("invitations")
    op.drop_table("refresh_tokens")
    op.drop_table("sessions")
    op.create_table(
        "refresh_tokens",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("used", Utc(), nullable=True),
        sa.Column("revoked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("expires", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_refresh_tokens_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sha256", name="pk_refresh_tokens"),
    )
    op.create_index("ix_refresh_tokens_account", "refresh_tokens", ["account"], unique=False)
    op.create_index("ix_refresh_tokens_family", "refresh_tokens", ["family"], unique=False)
