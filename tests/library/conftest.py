from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.servers.postgres import LIBRARY
from services.library.app import MIGRATIONS
from tests.library.catalogue import Catalogue, open_catalogue
from tests.library.job_store import Jobs, open_jobs
from tests.library.lock_order import checked_lock_order
from tests.support.migrated_databases import copy_sqlite, prepare_for_role, run_in_thread
from tests.support.postgres import (
    create_database,
    create_role,
    postgres_server,
    postgres_url,
    run_statement,
    temporary_database,
    url_as,
)

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(autouse=True)
def locks_in_order() -> Iterator[None]:
    """No transaction of any test takes its locks in another order than the documented one."""
    with checked_lock_order() as wrong:
        yield
    assert not wrong


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    """The name of a Postgres database with the library's newest tables, to be copied."""

    async def create() -> None:
        url = await create_database(postgres_server, "migrated")
        await create_role(postgres_server, LIBRARY)
        await prepare_for_role(url, MIGRATIONS, LIBRARY)
        # Some tests look at plans, which need statistics of what they wrote.
        statement = f"GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO {LIBRARY}"
        await run_statement(postgres_server, statement, database="migrated")

    run_in_thread(create())
    return "migrated"


@pytest.fixture
async def library_postgres_url(postgres_server: str, migrated_postgres: str) -> AsyncIterator[str]:
    """The address of a Postgres database with the library's newest tables and no rows.

    Its role is that of a running library: policies apply to it.
    """
    async with temporary_database(postgres_server, template=migrated_postgres) as url:
        yield url_as(url, LIBRARY)


@pytest.fixture(params=["sqlite", "postgres"])
def library_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database of each kind, with the newest tables and no rows."""
    if request.param == "sqlite":
        return copy_sqlite(MIGRATIONS, tmp_path / "library.db")
    return str(request.getfixturevalue("library_postgres_url"))


@pytest.fixture
async def catalogue(library_url: str, tmp_path: Path) -> AsyncIterator[Catalogue]:
    async with open_catalogue(library_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def jobs(library_url: str) -> AsyncIterator[Jobs]:
    """The job store alone, on each database."""
    async with open_jobs(library_url) as opened:
        yield opened
