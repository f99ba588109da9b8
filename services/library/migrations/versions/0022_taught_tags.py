"""Taught tags: models, their versions, and answers."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Json, Utc

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "taught_tags",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("applies_until", Utc(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("imported", Json(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("updated", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taught_tags")),
    )
    op.create_index("uq_taught_tags", "taught_tags", ["owner", "key"], unique=True)
    op.create_index(
        "ix_taught_tags_pending",
        "taught_tags",
        ["updated"],
        postgresql_where=sa.text("pending"),
        sqlite_where=sa.text("pending"),
    )
    op.create_table(
        "taught_tag_versions",
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("yes", sa.Integer(), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("models", Json(), nullable=False),
        sa.Column("score", Json(), nullable=True),
        sa.Column("created", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tag"], ["taught_tags.id"], name=op.f("fk_taught_tag_versions_tag"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tag", "number", name=op.f("pk_taught_tag_versions")),
    )
    op.create_table(
        "tag_answers",
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("answered", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tag"], ["taught_tags.id"], name=op.f("fk_tag_answers_tag"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.id"], name=op.f("fk_tag_answers_item"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tag", "item", name=op.f("pk_tag_answers")),
    )
    op.create_index("ix_tag_answers_item", "tag_answers", ["item"])
    op.create_index("ix_tag_answers_answered", "tag_answers", ["tag", "answered", "item"])
    # Sounds of before were there when nobody had taught a tag: nothing is to be reported of them.
    op.add_column(
        "sounds", sa.Column("proposed", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.create_index(
        "ix_sounds_unproposed",
        "sounds",
        ["item"],
        postgresql_where=sa.text("NOT proposed"),
        sqlite_where=sa.text("NOT proposed"),
    )
