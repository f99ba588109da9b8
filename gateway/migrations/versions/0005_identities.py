"""Sign-in with OpenID Connect providers.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add identities, open authorization requests, and the provider of a session."""
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_identities_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_identities"),
    )
    op.create_index("ix_identities_account", "identities", ["account"], unique=False)
    op.create_table(
        "authorizations",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("verifier", sa.String(), nullable=False),
        sa.Column("return_to", sa.String(), nullable=False),
        sa.Column("expires", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_authorizations"),
    )
    op.add_column("accounts", sa.Column("scopes", sa.String(), nullable=True))
    op.add_column("sessions", sa.Column("issuer", sa.String(), nullable=True))
    op.add_column("sessions", sa.Column("id_token", sa.String(), nullable=True))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("sessions", "id_token")
    op.drop_column("sessions", "issuer")
    op.drop_column("accounts", "scopes")
    op.drop_table("authorizations")
    op.drop_table("identities")
