"""What waits is read from its index, and a few sounds by their keys, on SQLite too."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Select, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.database.repository import OwnedRows
from services.library.app import MIGRATIONS
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.jobs.tables import JobRow
from services.library.maps.tables import MapRow
from services.library.pipelines.tables import RunRow
from services.library.search.tables import SearchDocumentRow
from services.library.similarity.duplicates import items_of_group
from services.library.similarity.tables import SoundRow, sound_of
from services.library.teaching.tables import TaughtTagRow
from tests.support.migrated_databases import copy_sqlite

Few = TypeVar("Few", ArtifactRow, ItemRow, JobRow, RunRow)


def few(table: type[Few]) -> Select[Few]:
    """Return a query of somebody's rows that a further filter narrows."""
    return OwnedRows(AsyncSession(), table, "somebody").select_few()


def newest(query: Select[Few]) -> Select[Few]:
    """Return a query as a list shows it."""
    return query.order_by(text("created DESC"), text("id DESC")).limit(50)


QUERIES: dict[str, Select[Any]] = {
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
    "sqlite_autoindex_items_1": few(ItemRow).where(
        col(ItemRow.id).in_([str(number) for number in range(20)])
    ),
    "ix_sounds_group": items_of_group(
        OwnedRows(AsyncSession(), ItemRow, "somebody"), "somebody", "group"
    ),
    "ix_artifacts_item": newest(few(ArtifactRow).where(col(ArtifactRow.item) == "one")),
    "ix_jobs_item": newest(few(JobRow).where(col(JobRow.item) == "one")),
    "ix_jobs_run": newest(few(JobRow).where(col(JobRow.run) == "one")),
    "ix_runs_item": newest(few(RunRow).where(col(RunRow.item) == "one")),
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
