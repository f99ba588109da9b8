"""Corrections: what users say instead of machines, and what machines said."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Json, Utc

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.add_column("items", sa.Column("corrected", Json(), nullable=False, server_default="{}"))
    op.add_column("items", sa.Column("uncorrected_bpm", sa.Float(), nullable=True))
    op.add_column("search_documents", sa.Column("machine_class", sa.String(), nullable=True))
    op.add_column("search_documents", sa.Column("machine_confidence", sa.Float(), nullable=True))
    op.execute(
        "UPDATE search_documents SET machine_class = sound_class, "
        "machine_confidence = class_confidence WHERE class_source = 'machine'"
    )
    op.create_table(
        "corrections",
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item"], ["items.id"], name=op.f("fk_corrections_item"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("item", "field", "version", name=op.f("pk_corrections")),
    )
