from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.library.catalogue import Catalogue, open_catalogue
from tests.library.job_store import Jobs, open_jobs
from tests.library.lock_order import checked_lock_order
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(autouse=True)
def locks_in_order() -> Iterator[None]:
    """No transaction of any test takes its locks in another order than the documented one."""
    with checked_lock_order() as wrong:
        yield
    assert not wrong


@pytest.fixture(params=["sqlite", "postgres"])
def library_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/library.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def catalogue(library_url: str, tmp_path: Path) -> AsyncIterator[Catalogue]:
    async with open_catalogue(library_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def jobs(library_url: str) -> AsyncIterator[Jobs]:
    """The job store alone, on each database."""
    async with open_jobs(library_url) as opened:
        yield opened
