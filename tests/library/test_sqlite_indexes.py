"""What waits is read from its index, and a few sounds by their keys, on SQLite too."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Select, select
from sqlalchemy.dialects import sqlite
from sqlmodel import col

from services.library.app import MIGRATIONS
from services.library.maps.tables import MapRow
from services.library.search.tables import SearchDocumentRow
from services.library.similarity.tables import SoundRow, sound_of
from services.library.teaching.tables import TaughtTagRow
from tests.support.migrated_databases import copy_sqlite

QUERIES: dict[str, Select[tuple[object]]] = {
    "ix_sounds_uncompared": select(col(SoundRow.item)).where(~col(SoundRow.compared)),
    "ix_sounds_unproposed": select(col(SoundRow.item)).where(~col(SoundRow.proposed)),
    "ix_sounds_unscored": select(col(SoundRow.item)).where(~col(SoundRow.scored)),
    "ix_taught_tags_pending": select(col(TaughtTagRow.id)).where(col(TaughtTagRow.pending)),
    "ix_search_documents_removed": select(col(SearchDocumentRow.id)).where(
        col(SearchDocumentRow.removed)
    ),
    "sqlite_autoindex_sounds_1": select(col(SoundRow.fingerprint)).where(
        col(SoundRow.item).in_([str(number) for number in range(20)]), sound_of("somebody")
    ),
    "ix_maps_stale": select(col(MapRow.id)).where(col(MapRow.stale)),
}


@pytest.mark.parametrize("index", QUERIES)
def test_rows_are_looked_up_in_their_index(index: str, tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    copy_sqlite(MIGRATIONS, path)
    query = QUERIES[index].compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with contextlib.closing(sqlite3.connect(path)) as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert index in str(plan)
