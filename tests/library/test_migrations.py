"""The library's migrations lead to its tables, on both databases, however many start at once."""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, inspect, select, text

from contracts.jobs import InputRef
from contracts.subjects import Subject
from kit.clock import SystemClock, new_id
from kit.database.engine import Database
from kit.database.migrations import differences
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.events.relay import event_of
from services.library.events.tables import EventRow
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import JobRow
from services.library.tables import METADATA
from tests.library.lock_order import without_lock_checks

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
    if not database.sqlite:
        await database.run_sync(_drop_functions)
    await database.run_sync(METADATA.drop_all)
    await database.run_sync(METADATA.create_all)
    assert migrated == await database.run_sync(_shape)
    await database.close()


def _drop_functions(connection: Connection) -> None:
    """Drop what policies call, with the policies: the tables in code have none."""
    query = "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    for (name,) in connection.execute(text(query)).all():
        connection.execute(text(f"DROP FUNCTION {name} CASCADE"))


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
            sorted(map(str, look.get_check_constraints(name))),
        )
        for name in sorted(look.get_table_names())
        if name != "alembic_version"
    }
    return tables, indexes


ITEM, JOB, RUN = (f"01920000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))
AT = "2026-01-02 03:04:05"


async def test_rows_of_before_there_were_subjects_keep_their_item_as_subject(
    url: str, tmp_path: Path
) -> None:
    database = Database(url, clock=SystemClock())
    earlier = tmp_path / "earlier" / "versions"
    earlier.mkdir(parents=True)
    for path in (FOLDER / "versions").glob("000[1-7]_*.py"):
        shutil.copy(path, earlier)
    await database.migrate(earlier.parent)
    await database.run_sync(without_lock_checks(_fill))
    await database.migrate(FOLDER)
    of_item = Subject.of_item(ITEM)
    async with database.session() as session:
        job = (await session.scalars(select(JobRow))).one()
        file = (await session.scalars(select(ArtifactRow))).one()
        events = {row.type: row for row in await session.scalars(select(EventRow))}
    for row in (job, file):
        assert (subject_of(row), row.item) == (of_item, ITEM)
    assert file.object_key == f"owner/{ITEM}/midi/{JOB}/1/notes.mid"
    inputs = [InputRef.model_validate(source) for source in job.inputs]
    assert [(source.subject, source.name) for source in inputs] == [(of_item, "a"), (of_item, "b")]
    assert not any("item" in source for source in job.inputs)
    assert set(events) == {"job.queued", "run.finished", "item.deleted", "midi.requested"}
    for type_, row in events.items():
        event = event_of(row)
        assert event.subject == JOB, type_
        of_anything = type_ != "midi.requested"
        assert (row.subject_kind, row.subject_id) == (
            ("item", ITEM) if of_anything else (None, None)
        )
        if type_ in ("job.queued", "run.finished"):
            assert event.data.subject == of_item
            assert "item" not in row.data
    # What belongs to an item still goes with it.
    async with database.transaction() as session:
        await session.execute(delete(ItemRow))
    async with database.session() as session:
        for table in (JobRow, ArtifactRow):
            assert list(await session.scalars(select(table))) == []
    await database.close()


def _fill(connection: Connection) -> None:
    """Write a job, its file and its events as the tables were before the last migration."""

    def add(table: str, **values: object) -> None:
        columns = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in values.items()}
        names, places = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        if connection.dialect.name == "postgresql":
            casts = {"created": "timestamptz", "time": "timestamptz"}
            casts |= {k: "jsonb" for k, v in values.items() if isinstance(v, dict | list)}
            casts |= dict.fromkeys(("updated", "not_before", "queued"), "timestamptz")
            casts |= dict.fromkeys(("start_by", "close_by"), "timestamptz")
            places = ", ".join(
                f"CAST(CAST(:{n} AS text) AS {casts[n]})" if n in casts else f":{n}"
                for n in columns
            )
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), columns)

    add(
        "items", id=ITEM, owner="owner", kind="track", state="ready", name="n", labels={},
        search="", created=AT, updated=AT,
    )  # fmt: skip
    common: dict[str, object] = {"bucket": "derived", "size": 1, "sha256": "0" * 64}
    inputs = [
        {"item": ITEM, "kind": "stem", "name": name, "key": "k", "artifact": None, **common}
        for name in ("a", "b")
    ]
    add(
        "jobs", id=JOB, owner="owner", item=ITEM, task="midi", state="queued", priority="batch",
        params={}, params_sha256="", inputs=inputs, inputs_sha256="", epoch=0, attempt=0,
        retries=0, crashes=0, lost=0, seq=1, budget=1.0, not_before=AT, queued=AT, start_by=AT,
        close_by=AT, cancel_requested=False, progress={}, detail="", traceparent="", created=AT,
    )  # fmt: skip
    add(
        "artifacts", id=JOB, owner="owner", item=ITEM, job=JOB, kind="midi", name="notes.mid",
        media_type="audio/midi", object_key=f"owner/{ITEM}/midi/{JOB}/1/notes.mid", created=AT,
        **common,
    )  # fmt: skip
    for type_, topic, item, data in (
        ("job.queued", "library.events", ITEM, {"job": JOB, "item": ITEM, "task": "midi"}),
        ("run.finished", "library.events", ITEM, {"run": RUN, "item": ITEM, "state": "partial"}),
        ("item.deleted", "library.events", ITEM, {"item": ITEM}),
        ("midi.requested", "midi.commands", None,
         {"job": JOB, "task": "midi", "priority": "batch"}),
    ):  # fmt: skip
        add(
            "events", id=new_id(), xid=1, topic=topic, key=ITEM, type=type_, subject=JOB,
            data=data, time=AT, traceparent="", item=item,
        )  # fmt: skip
