"""Search documents, their tags, and the full-text index."""

import sqlalchemy as sa
from alembic import op

from kit.database.base import Serial, Utc

revision = "0011"
down_revision = "0010"

# Words come split and folded (`services/library/search/text.py`), so that neither database's own
# rules for words apply: of characters that are not ASCII, `ascii` takes all as parts of words.
_SQLITE = (
    "CREATE VIRTUAL TABLE search_index USING fts5(words, tokenize = 'ascii', prefix = '2 3')",
)
_POSTGRES = (
    "CREATE TABLE search_index (document BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
    # Without a list of pending entries, which every search would read.
    "CREATE INDEX ix_search_index_words ON search_index USING gin (words) WITH (fastupdate = off)",
)


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "search_documents",
        sa.Column("id", Serial(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column(
            "name_key",
            sa.String().with_variant(sa.String(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sound_class", sa.String(), nullable=True),
        sa.Column("class_confidence", sa.Float(), nullable=True),
        sa.Column("class_source", sa.String(), nullable=True),
        sa.Column("stem", sa.String(), nullable=True),
        sa.Column("song", sa.String(), nullable=True),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("bpm", sa.Float(), nullable=True),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("camelot", sa.String(), nullable=True),
        sa.Column("duration", sa.Float(), nullable=True),
        sa.Column("loudness", sa.Float(), nullable=True),
        sa.Column("brightness", sa.Float(), nullable=True),
        sa.Column("noisiness", sa.Float(), nullable=True),
        sa.Column("attack", sa.Float(), nullable=True),
        sa.Column("pitch", sa.Float(), nullable=True),
        sa.Column("favourite", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=True),
        sa.Column("licence", sa.String(), nullable=True),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("updated", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_documents")),
        sa.UniqueConstraint("item", name=op.f("uq_search_documents_item")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("search_documents", schema=None) as batch_op:
        batch_op.create_index("ix_search_documents_name", ["owner", "name_key", "id"], unique=False)
        batch_op.create_index(
            "ix_search_documents_removed",
            ["updated"],
            unique=False,
            postgresql_where=sa.text("removed"),
            sqlite_where=sa.text("removed"),
        )
        batch_op.create_index(
            "ix_search_documents_revision", ["owner", "revision", "id"], unique=False
        )

    op.create_table(
        "search_revisions",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_search_revisions")),
    )
    op.create_table(
        "search_tags",
        sa.Column("document", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["document"],
            ["search_documents.id"],
            name=op.f("fk_search_tags_document"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("document", "tag", "source", name=op.f("pk_search_tags")),
    )
    for statement in _SQLITE if op.get_context().dialect.name == "sqlite" else _POSTGRES:
        op.execute(statement)
