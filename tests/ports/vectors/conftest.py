"""Each test of the port runs on each implementation."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from kit.clock import SystemClock
from kit.database.engine import Database
from kit.vectors.arrays import ArrayVectors
from kit.vectors.base import VectorStore
from kit.vectors.exact import ExactVectors
from kit.vectors.pgvector import PgVectors
from tests.ports.vectors.world import World
from tests.support.postgres import postgres_server, temporary_database
from tests.support.servers import server_setting

__all__ = ["postgres_server"]

STORES = ["exact", "pgvector", "pgvector-index", "arrays"]
"""SQLite with files; Postgres where all vectors are compared, and where the index is scanned;
Postgres without pgvector."""


@pytest.fixture(params=[*STORES, pytest.param("cluster", marks=pytest.mark.cluster)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A store that was started, with an empty database."""
    async with AsyncExitStack() as stack:
        if request.param == "exact":
            url = f"sqlite+aiosqlite:///{tmp_path}/test.db"
        elif request.param == "cluster":
            server = server_setting("KIT_DATABASE_URL")
            url = await stack.enter_async_context(temporary_database(server))
        else:
            server = request.getfixturevalue("postgres_server")
            url = await stack.enter_async_context(temporary_database(server))
        database = Database(url, clock=SystemClock())
        stack.push_async_callback(database.close)
        store: VectorStore
        if database.sqlite:
            store = ExactVectors(database, tmp_path / "vectors")
        elif request.param == "arrays":
            store = ArrayVectors(database)
        else:
            store = PgVectors(database, **({"exact": 0} if request.param.endswith("index") else {}))
        await store.start()
        stack.push_async_callback(store.close)
        yield World(store, database)
