"""Back up and restore: nothing that was acknowledged is missing afterwards."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contracts.objects import Bucket
from deploy.backup.__main__ import main
from deploy.backup.databases import Postgres
from deploy.move.rows import count_rows
from deploy.servers.postgres import LIBRARY, LIBRARY_OWNER
from embedded.folder import open_folder
from gateway.app import MIGRATIONS as GATEWAY_MIGRATIONS
from kit.clock import SystemClock
from kit.database.actors import SERVICE
from kit.database.engine import Database
from services.library.app import MIGRATIONS
from services.library.events.feed import Position
from services.library.tables import METADATA
from tests.library.catalogue import Catalogue, open_catalogue
from tests.support.migrated_databases import migrate, prepare_for_role
from tests.support.postgres import give_to_roles, postgres_server, temporary_database, url_as

__all__ = ["postgres_server"]

SONG = b"a song" * 1000


@asynccontextmanager
async def databases(server: str) -> AsyncIterator[tuple[str, str]]:
    async with temporary_database(server) as library, temporary_database(server) as gateway:
        yield library, gateway


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("KIT_OBJECTS_SIGNING_SECRET", "secret" * 8)
    return monkeypatch


def point_to(environment: pytest.MonkeyPatch, urls: tuple[str, str], objects: Path) -> None:
    environment.setenv("LIBRARY_DATABASE_URL", urls[0])
    environment.setenv("GATEWAY_DATABASE_URL", urls[1])
    environment.setenv("KIT_OBJECTS_URL", f"file://{objects / 'objects'}")


async def run(*arguments: object) -> int:
    return await asyncio.to_thread(main, [str(argument) for argument in arguments])


async def events_of(catalogue: Catalogue, owner: str, after: str = "start") -> list[str]:
    feed = await catalogue.user(owner=owner).get("/feed", after=after, limit=200)
    return [entry["id"] for entry in feed["items"]]


async def test_what_was_acknowledged_is_there_after_a_restore(
    postgres_server: str, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    backup, old, new = tmp_path / "backup", tmp_path / "old", tmp_path / "new"
    async with databases(postgres_server) as before, databases(postgres_server) as after:
        await migrate(before[0], MIGRATIONS)
        await migrate(before[1], GATEWAY_MIGRATIONS)
        point_to(environment, before, old)
        async with open_catalogue(before[0], old) as catalogue:
            user = catalogue.user()
            item = await user.track(SONG)
            assert await run("save", backup) == 0
            later = await user.track(SONG + b"2")
            assert await run("save", backup) == 0, "once more, with what changed"
            items = (await user.get("/items"))["items"]
            events = await events_of(catalogue, user.owner)
        # The old databases and the old store are gone.
        point_to(environment, after, new)
        assert await run("restore", backup) == 0
        async with open_catalogue(after[0], new) as catalogue:
            again = catalogue.user(owner=user.owner)
            assert (await again.get("/items"))["items"] == items
            assert {entry["id"] for entry in items} == {item, later}
            assert await events_of(catalogue, user.owner) == events
            originals = [facts async for facts in catalogue.objects.walk(Bucket.ORIGINALS, "")]
            digests = {
                await catalogue.objects.digest(Bucket.ORIGINALS, each.key) for each in originals
            }
            assert digests >= {hashlib.sha256(data).hexdigest() for data in (SONG, SONG + b"2")}
            # New events come after the old ones.
            end = (await again.get("/feed", after="start", limit=200))["next"]
            await again.post("/collections", {"name": "new"})
            assert len(await events_of(catalogue, user.owner, after=end)) == 1
        assert await run("restore", backup) == 1, "the databases are not empty any more"


async def test_a_cursor_from_before_a_restore_is_refused(
    postgres_server: str, tmp_path: Path
) -> None:
    async with (
        temporary_database(postgres_server) as url,
        open_catalogue(url, tmp_path) as catalogue,
    ):
        user = catalogue.user()
        await user.post("/collections", {"name": "one"})
        cursor = (await user.get("/feed"))["next"]
        assert (await user.get("/feed", after=cursor))["items"] == []
        position = Position.parse(cursor)
        ahead = Position(position.xid + 1_000_000, 0, position.time).text()
        refused = await user.http.get("/v1/feed", params={"after": ahead})
        assert (refused.status_code, "backup" in refused.json()["detail"]) == (410, True)


async def test_an_incomplete_or_damaged_backup_is_refused(
    postgres_server: str,
    tmp_path: Path,
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    backup, old = tmp_path / "backup", tmp_path / "old"
    async with databases(postgres_server) as before, databases(postgres_server) as after:
        await migrate(before[1], GATEWAY_MIGRATIONS)
        point_to(environment, before, old)
        async with open_catalogue(before[0], old) as catalogue:
            await catalogue.user().track(SONG)
            assert await run("save", backup) == 0
        point_to(environment, after, tmp_path / "new")
        assert await run("restore", tmp_path / "none") == 1
        assert "no complete backup" in capsys.readouterr().err
        manifest = json.loads((backup / "manifest.json").read_text("utf-8"))
        entry = manifest["objects"][0]
        damaged = backup / "objects" / entry["bucket"] / entry["key"]
        damaged.write_bytes(bytes(entry["size"]))
        assert await run("restore", backup) == 1
        assert "damaged" in capsys.readouterr().err
        entry["key"] = "../../../outside"
        (backup / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        assert await run("restore", backup) == 1
        assert "names no file below" in capsys.readouterr().err
        environment.setenv("LIBRARY_DATABASE_URL", "sqlite+aiosqlite:////tmp/library.db")
        assert await run("restore", backup) == 1
        assert "--data" in capsys.readouterr().err


def test_an_embedded_server_is_copied_while_it_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, backup, restored = tmp_path / "data", tmp_path / "backup", tmp_path / "restored"
    data.mkdir()
    assert main(["save", str(backup), "--data", str(data)]) == 1
    assert "holds no data of a server" in capsys.readouterr().err
    for name in ("library.db", "gateway.db"):
        with sqlite3.connect(data / name) as connection:
            connection.execute("CREATE TABLE kept (text)")
            connection.execute("INSERT INTO kept VALUES (?)", (name,))
        connection.close()
    (data / "secrets.json").write_text("{}")
    (data / "objects" / "originals").mkdir(parents=True)
    (data / "objects" / "originals" / "one").write_bytes(SONG)
    (data / "scratch").mkdir()
    with open_folder(data):
        assert main(["save", str(backup), "--data", str(data)]) == 1
        assert "Stop it first" in capsys.readouterr().err
    assert main(["save", str(backup), "--data", str(data)]) == 0
    assert main(["save", str(backup), "--data", str(data)]) == 1, "it is there already"
    assert main(["restore", str(backup), "--data", str(restored)]) == 0
    assert main(["restore", str(backup), "--data", str(restored)]) == 1, "it is not empty"
    assert (restored / "objects" / "originals" / "one").read_bytes() == SONG
    assert not (restored / "scratch").exists()
    with sqlite3.connect(restored / "gateway.db") as connection:
        assert connection.execute("SELECT text FROM kept").fetchall() == [("gateway.db",)]
    connection.close()


async def test_the_owner_of_tables_under_policies_saves_and_restores_the_rows_of_everybody(
    postgres_server: str, tmp_path: Path
) -> None:
    names = ("items", "jobs", "events", "artifacts")

    async def count(url: str) -> dict[str, int]:
        database = Database(url, clock=SystemClock(), actor=SERVICE)
        try:
            return await count_rows(database, [METADATA.tables[name] for name in names])
        finally:
            await database.close()

    async with databases(postgres_server) as (old, new):
        owners = []
        for url in (old, new):
            await give_to_roles(postgres_server, url)
            owners.append(url_as(url, LIBRARY_OWNER))
        await prepare_for_role(owners[0], MIGRATIONS, LIBRARY)
        async with open_catalogue(url_as(old, LIBRARY), tmp_path) as catalogue:
            for number in range(2):
                await catalogue.user().track(SONG + str(number).encode())
        Postgres("library", owners[0]).save(tmp_path)
        Postgres("library", owners[1]).check_empty()
        Postgres("library", owners[1]).restore(tmp_path)
        before = await count(url_as(old, LIBRARY))
        assert before["items"] == 2
        # As at a start of the library.
        await prepare_for_role(owners[1], MIGRATIONS, LIBRARY)
        assert await count(url_as(new, LIBRARY)) == before
