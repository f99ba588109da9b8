"""One house of many processes on real Kafka, S3 and Postgres for all tests of this folder."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.house import House, cluster_house, running
from tests.support.postgres import temporary_database
from tests.support.servers import server_setting


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, str]]:
    """Settings of the real servers, with databases of this run's own."""
    with house_settings() as settings:
        yield settings


@pytest.fixture(scope="session")
def house(servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(cluster_house(tmp_path_factory.mktemp("cluster"), servers)) as house:
        yield house


@contextmanager
def house_settings() -> Iterator[dict[str, str]]:
    """Give the settings by which a new house finds the servers, its databases being empty."""
    base = server_setting("KIT_DATABASE_URL")
    with _database(base) as gateway, _database(base) as library:
        yield {
            "KIT_BUS_URL": server_setting("KIT_BUS_URL"),
            "KIT_OBJECTS_URL": server_setting("KIT_OBJECTS_URL"),
            "GATEWAY_DATABASE_URL": gateway,
            "LIBRARY_DATABASE_URL": library,
        }


@contextmanager
def _database(base: str) -> Iterator[str]:
    """Keep a temporary database open in a thread with a loop of its own."""
    made, done = threading.Event(), threading.Event()
    found: list[str] = []

    async def keep() -> None:
        async with temporary_database(base) as url:
            found.append(url)
            made.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(keep()))
    thread.start()
    made.wait(30)
    try:
        yield found[0]
    finally:
        done.set()
        thread.join(30)
