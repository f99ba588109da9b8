"""Imports of packs and from providers; who said the tempo and the key of an item."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Json, Utc

revision = "0020"
down_revision = "0015"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.add_column("search_documents", sa.Column("bpm_source", sa.String(), nullable=True))
    op.add_column("search_documents", sa.Column("key_source", sa.String(), nullable=True))
    op.create_table(
        "imports",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("options", Json(), nullable=False),
        sa.Column("upload", sa.String(), nullable=True),
        sa.Column("collection", sa.String(), nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("due", Utc(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("updated", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index("ix_imports_page", "imports", ["owner", "created", "id"])
    op.create_index("ix_imports_due", "imports", ["state", "due", "id"])
    op.create_table(
        "import_files",
        sa.Column("import_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("details", Json(), nullable=False),
        sa.Column("upload", sa.String(), nullable=True),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["imports.id"],
            name=op.f("fk_import_files_import_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "position", name=op.f("pk_import_files")),
    )
    op.create_index("ix_import_files_state", "import_files", ["import_id", "state", "position"])
