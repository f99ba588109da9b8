"""Each test of the port runs on each database."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from kit.clock import SystemClock
from kit.database.engine import Database
from tests.ports.database.rows import METADATA
from tests.support.postgres import postgres_server, postgres_url, temporary_database
from tests.support.servers import server_setting

__all__ = ["postgres_server", "postgres_url"]

Open = Callable[..., Database]


@pytest.fixture(params=["sqlite", "postgres", pytest.param("cluster", marks=pytest.mark.cluster)])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/test.db"
    elif request.param == "postgres":
        async with temporary_database(request.getfixturevalue("postgres_server")) as address:
            yield address
    else:
        async with temporary_database(server_setting("KIT_DATABASE_URL")) as address:
            yield address


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database with the suite's tables in it."""
    opened = Database(url, clock=SystemClock())
    await opened.run_sync(METADATA.create_all)
    yield opened
    await opened.close()
