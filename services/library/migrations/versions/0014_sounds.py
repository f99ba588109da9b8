"""Sounds: where the vectors of items are, and their duplicates."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "sounds",
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("audio_sha256", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("duplicates", sa.String(), nullable=True),
        sa.Column("compared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item"], ["items.id"], name=op.f("fk_sounds_item"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_sounds")),
    )
    op.create_index("ix_sounds_audio", "sounds", ["owner", "audio_sha256"])
    op.create_index("ix_sounds_group", "sounds", ["owner", "duplicates", "item"])
    op.create_index(
        "ix_sounds_uncompared",
        "sounds",
        ["item"],
        postgresql_where=sa.text("NOT compared"),
        sqlite_where=sa.text("NOT compared"),
    )
