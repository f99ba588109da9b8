"""A real Postgres for tests, from the wheel; nothing else needs to be installed or running.

Each test gets a database of its own, dropped when it ends.
"""

import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.servers.postgres import Postgres
from kit.clock import new_id


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server without a database's name."""
    server, secrets = Postgres(), {"password": new_id()}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        ports = {"clients": probe.getsockname()[1]}
    # The password file and the data lie below it, so it must be open to the user it runs as.
    with tempfile.TemporaryDirectory(prefix="cratedig-postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        launch = server.prepare(folder, ports, secrets)
        quick = ("-c", "fsync=off", "-c", "synchronous_commit=off")
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                (*launch.command, *quick),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            until = time.monotonic() + 30
            while not server.healthy(ports):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"Postgres did not start:\n{log.read_text()[-2000:]}")
                time.sleep(0.05)
            yield server.lines(ports, secrets)["KIT_DATABASE_URL"]
        finally:
            process.send_signal(server.stop_signal)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The address of a new, empty database."""
    async with temporary_database(postgres_server) as url:
        yield url


@asynccontextmanager
async def temporary_database(server: str) -> AsyncIterator[str]:
    """Make an empty database on a server, and drop it in the end."""
    name = "test_" + new_id().replace("-", "")
    server = server.rstrip("/")
    await _command(server, f'CREATE DATABASE "{name}"')
    try:
        yield f"{server}/{name}"
    finally:
        await _command(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _command(server: str, statement: str) -> None:
    engine = create_async_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
