"""A real Postgres for tests, from the wheel; nothing else needs to be installed or running.

Each test gets a database of its own, dropped when it ends.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from deploy.servers.postgres import LIBRARY, LIBRARY_OWNER, USER, Postgres
from kit.clock import new_id
from tests.support.timeouts import HANG_TIMEOUT

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server without a database's name."""
    with running_postgres() as address:
        yield address


@contextmanager
def running_postgres(**options: str) -> Iterator[str]:
    """Start a server of its own with some of its settings, and give its address.

    The address has no database's name.
    """
    settings = {"fsync": "off", "synchronous_commit": "off"} | options
    server, secrets = Postgres(), {"password": new_id()}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        ports = {"clients": probe.getsockname()[1]}
    # The server runs as another user below this folder, so that user must be able to read it.
    folder = Path(tempfile.mkdtemp(prefix="cratedig-postgres-"))
    folder.chmod(0o755)
    log = folder / "log"
    try:
        launch = server.prepare(folder, ports, secrets)
        with log.open("wb") as output:
            # The supervisor stops the server even if this process is killed.
            supervisor = subprocess.Popen(
                (
                    *(sys.executable, "-m", "tests.support.process_supervisor"),
                    *(str(folder), str(int(server.stop_signal))),
                    *launch.command,
                    *(
                        part
                        for name, value in settings.items()
                        for part in ("-c", f"{name}={value}")
                    ),
                ),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
            )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    assert supervisor.stdin is not None
    try:
        until = time.monotonic() + HANG_TIMEOUT
        while not server.healthy(ports):
            if supervisor.poll() is not None or time.monotonic() > until:
                words = log.read_text() if log.exists() else ""
                raise RuntimeError(f"Postgres did not start:\n{words[-2000:]}")
            time.sleep(0.05)
        yield server.environment(ports, secrets)["KIT_DATABASE_URL"]
    finally:
        supervisor.stdin.close()
        supervisor.wait(HANG_TIMEOUT)


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The address of a new, empty database."""
    async with temporary_database(postgres_server) as url:
        yield url


@asynccontextmanager
async def temporary_database(server: str, *, template: str = "template1") -> AsyncIterator[str]:
    """Make a copy of a database, by default an empty one, and drop it in the end."""
    name = "test_" + new_id().replace("-", "")
    url = await create_database(server, name, template=template)
    try:
        yield url
    finally:
        await run_statement(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def create_database(server: str, name: str, *, template: str = "template1") -> str:
    """Make a copy of a database, by default an empty one; return its URL."""
    # Copying files is three times as fast as writing them to the log, which nobody reads here.
    await run_statement(
        server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
    )
    return f"{server.rstrip('/')}/{name}"


def url_as(url: str, role: str) -> str:
    """Return the address of a database with another role, which has the same password."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)


async def create_role(server: str, name: str) -> None:
    """Create a role that may log in and nothing else, if there is none."""
    password = make_url(server).password
    await run_statement(
        server,
        f"DO $$ BEGIN CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}';"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )


async def give_to_roles(server: str, url: str) -> None:
    """Let the roles of the library own and use a database, as `make services-up` does."""
    for name in (LIBRARY, LIBRARY_OWNER):
        await create_role(server, name)
    await run_statement(server, f'GRANT "{LIBRARY}" TO "{LIBRARY_OWNER}"')
    database = str(make_url(url).database)
    await run_statement(server, f'ALTER DATABASE "{database}" OWNER TO "{LIBRARY_OWNER}"')
    await run_statement(server, "CREATE EXTENSION IF NOT EXISTS vector", database=database)


async def run_statement(server: str, statement: str, *, database: str = "postgres") -> None:
    """Run a statement as the server's superuser."""
    address = make_url(server).set(drivername="postgresql", username=USER, database=database)
    connection = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
