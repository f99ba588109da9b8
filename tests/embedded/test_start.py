"""The start of the embedded server: what does not allow it is said in one plain line."""

import random
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from embedded.folder import check_database, keep_to_oneself, open_folder, own_secrets
from kit.process import StartRefused
from tests.support.running_server import FAST, ROOT, embedded_server, free_port, running

WITHIN = 60.0


def refusal(data: Path, extra: Mapping[str, str]) -> str:
    """Start a server that must refuse, and return the last line that it said."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "CRATEDIG_DATA": str(data),
        "CRATEDIG_PORT": str(free_port()),
        **FAST,
        **extra,
    }
    done = subprocess.run(
        [sys.executable, "-m", "embedded"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    *_, last = done.stderr.strip().splitlines()
    assert last.startswith("cratedig: "), done.stderr
    return last


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRATEDIG_PORT", "99999"),
        ("KIT_LEASE", "0"),
        ("GATEWAY_HEARTBEAT", "0"),
        ("INGEST_SLOTS", "0"),
        ("GATEWAY_TRUSTED_PROXIES", '["x"]'),
        ("GATEWAY_HOSTS", "no list"),
    ],
)
def test_a_setting_out_of_bounds_is_named(tmp_path: Path, name: str, value: str) -> None:
    message = refusal(tmp_path / "data", {name: value})
    assert name.split("_")[0] in message
    assert name.split("_", 1)[1].lower() in message.lower()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refusal(tmp_path / "data", {"CRATEDIG_PORT": str(port)})
    assert f"port {port}" in message


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "library.db").write_bytes(b"this is no database" * 1000)
    assert "library.db is damaged" in refusal(data, {})


def test_secrets_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").touch()
    with pytest.raises(StartRefused, match=r"secrets\.json is damaged"):
        own_secrets(tmp_path / "secrets.json")


def test_a_folder_that_takes_no_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartRefused, match="is not writable"):
        open_folder(tmp_path / "file")


def test_a_second_server_on_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with open_folder(tmp_path / "data"):
        for name in ("data", "link"):
            with pytest.raises(StartRefused, match="already runs"):
                open_folder(tmp_path / name)
    open_folder(tmp_path / "data").close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "library.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("CREATE INDEX names ON items (name)")
        rows = ((n, f"{n * 7919 % 20_011:>60}") for n in range(20_000))
        connection.executemany("INSERT INTO items VALUES (?, ?)", rows)
        connection.commit()
    return path


def test_a_database_that_is_whole_passes(database: Path) -> None:
    assert check_database(database)
    assert check_database(database.with_name("not there yet.db"))


def test_a_database_with_holes_is_refused(database: Path) -> None:
    chance = random.Random(1)
    with database.open("r+b") as file:
        for _ in range(60):
            file.seek(chance.randrange(8192, database.stat().st_size - 200))
            file.write(chance.randbytes(136))
    with pytest.raises(StartRefused, match=r"library\.db is damaged"):
        check_database(database)


def test_the_look_at_a_database_ends_in_time(database: Path) -> None:
    assert not check_database(database, within=-1.0)


def test_what_is_kept_is_kept_to_oneself(tmp_path: Path) -> None:
    with running(embedded_server(tmp_path)) as server:
        server.user("somebody")
        data = tmp_path / "data"
        mode_by_path = {path: path.lstat().st_mode & 0o077 for path in (data, *data.rglob("*"))}
        assert data / "library.db" in mode_by_path
        assert not [path for path, mode in mode_by_path.items() if mode]


def test_a_folder_that_others_could_read_is_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    (data / "objects").mkdir(parents=True)
    (data / "objects" / "song").touch()
    (data / "elsewhere").symlink_to(tmp_path)
    for path, mode in ((data / "objects" / "song", 0o644), (data / "objects", 0o755)):
        path.chmod(mode)
    data.chmod(0o755)
    tmp_path.chmod(0o755)
    keep_to_oneself(data)
    for path in (data, data / "objects", data / "objects" / "song"):
        assert path.stat().st_mode & 0o077 == 0
    assert tmp_path.stat().st_mode & 0o777 == 0o755, "a link led out of the folder"
    assert "removed the permissions" in caplog.text
    caplog.clear()
    keep_to_oneself(data)
    assert not caplog.text
