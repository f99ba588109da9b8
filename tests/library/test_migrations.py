"""The library's migrations lead to its tables, on both databases, however many start at once."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from kit.clock import SystemClock
from kit.database.engine import Database
from kit.database.migrations import differences
from services.library.tables import METADATA

FOLDER = Path(__file__).parents[2] / "services" / "library" / "migrations"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/library.db"
    return str(request.getfixturevalue("postgres_url"))


async def test_the_migrations_lead_to_the_tables(url: str) -> None:
    database = Database(url, clock=SystemClock())
    await database.migrate(FOLDER)
    assert await database.run_sync(lambda connection: differences(connection, METADATA)) == []
    migrated = await database.run_sync(_shape)
    await database.run_sync(METADATA.drop_all)
    await database.run_sync(METADATA.create_all)
    assert migrated == await database.run_sync(_shape)
    await database.close()


async def test_starts_at_the_same_time_migrate_once(url: str) -> None:
    databases = [Database(url, clock=SystemClock()) for _ in range(4)]
    await asyncio.gather(*(database.migrate(FOLDER) for database in databases))
    for database in databases:
        await database.migrate(FOLDER)
        await database.close()


async def test_a_migration_that_fails_leaves_nothing_behind(url: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "versions").mkdir()
        (folder / "versions" / "0001_broken.py").write_text(
            "from alembic import op\n"
            "revision = '0001'\ndown_revision = None\n"
            "def upgrade():\n"
            "    op.execute('CREATE TABLE half (n INTEGER)')\n"
            "    raise RuntimeError('broken')\n"
        )
        database = Database(url, clock=SystemClock())
        with pytest.raises(RuntimeError, match="broken"):
            await database.migrate(folder)
        tables = await database.run_sync(lambda connection: inspect(connection).get_table_names())
        await database.close()
    assert "half" not in tables
    assert "alembic_version" not in tables


def _shape(connection: Connection) -> object:
    """Return every column, key and index of a database, conditions of indexes included."""
    if connection.dialect.name == "postgresql":
        query = "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    else:
        query = "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index'"
    indexes = sorted(
        tuple(" ".join(str(part).replace('"', "").split()) for part in row)
        for row in connection.execute(text(query))
        if row[0] != "alembic_version"
    )
    look = inspect(connection)
    tables = {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(name)],
            look.get_pk_constraint(name),
            sorted(map(str, look.get_foreign_keys(name))),
            sorted(map(str, look.get_unique_constraints(name))),
        )
        for name in sorted(look.get_table_names())
        if name != "alembic_version"
    }
    return tables, indexes
