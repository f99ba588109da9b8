"""Partial indexes over flags are used on SQLite too, where a flag is compared with a number."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
_INDEXES = (
    ("ix_sounds_uncompared", "sounds", "item", "compared = 0"),
    ("ix_sounds_unproposed", "sounds", "item", "proposed = 0"),
    ("ix_sounds_unscored", "sounds", "item", "scored = 0"),
    ("ix_taught_tags_pending", "taught_tags", "updated", "pending = 1"),
    ("ix_search_documents_removed", "search_documents", "updated", "removed = 1"),
    ("ix_maps_stale", "maps", "id", "stale = 1"),
)


def upgrade() -> None:
    """Bring the tables up to this revision."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for name, table, column, where in _INDEXES:
        op.drop_index(name, table)
        op.create_index(name, table, [column], sqlite_where=sa.text(where))
