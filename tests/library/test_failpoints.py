"""T2: a process that ends, or a port that fails, at any point of a job's life (R1, R5, R13–R15)."""

import os
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from services.library.app import MIGRATIONS
from services.library.events.relay import Relay
from tests.library.failpoint_server import FailpointServer, failpoint_server
from tests.library.failpoints import FailingDatabase, Killed
from tests.library.mutants import RELAY, plant
from tests.support.migrated_databases import copy_sqlite

LIVES = {
    "finishes": (),
    "fails once": ("retry",),
    "breaks its child": ("crash",),
    "is cancelled": ("cancel",),
}
MAX_POINTS = 2_000
EVERY = int(os.environ.get("CRATEDIG_TEST_FAILPOINTS", "10"))
"""Each so-manyeth point is tried on SQLite; `make test-failpoints` tries all."""
ON_POSTGRES = 11
PAIRS = 100 // EVERY
SEED = int(os.environ.get("CRATEDIG_TEST_SEED", "20"))
FAILURES = pytest.mark.parametrize("kills", [True, False], ids=["killed", "failing"])


@pytest.fixture
def folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.exists() else None) as name:
        yield Path(name)


@pytest.fixture(params=[True, False], ids=["embedded", "processes"])
async def on_sqlite(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[FailpointServer]:
    url = copy_sqlite(MIGRATIONS, folder / "library.db")
    async with failpoint_server(url, folder, embedded=request.param) as server:
        yield server


@pytest.fixture
async def on_postgres(folder: Path, library_postgres_url: str) -> AsyncIterator[FailpointServer]:
    async with failpoint_server(library_postgres_url, folder, embedded=False) as server:
        yield server


async def survive(
    server: FailpointServer, number: int, life: str, *at: int, kills: bool
) -> list[str]:
    """Live one life with failures at some points, and return which were met."""
    actions = LIVES[life]
    server.points.arm(*at, kills=kills)
    try:
        await server.run_job(number, *actions)
        row = await server.check()
        allowed = {"succeeded", "cancelled"} if "cancel" in actions else {"succeeded"}
        assert row.state in allowed
        assert server.cancelled_state in ("", "queued", "running", row.state), (
            "what has ended stays as it is"
        )
        failures = len(server.points.failed)
        assert row.epoch <= 1 + len(actions) + failures, "it ran more often than something failed"
        assert row.crashes <= actions.count("crash")
    except Exception as error:
        error.add_note(f"{life}; {'killed' if kills else 'failed'} at {server.points.failed}")
        raise
    return server.points.failed


@pytest.mark.slow
@pytest.mark.timeout(300)
@FAILURES
@pytest.mark.parametrize("life", LIVES)
async def test_every_point_on_sqlite(on_sqlite: FailpointServer, life: str, kills: bool) -> None:
    for point in count(random.Random(f"{SEED} {life}").randint(1, EVERY), EVERY):
        if not await survive(on_sqlite, point, life, point, kills=kills):
            break
        assert point < MAX_POINTS
    print(f"seed {SEED}: each {EVERY}. of {point - 1} points")
    assert point > 60


@pytest.mark.slow
@pytest.mark.timeout(120)
@FAILURES
async def test_any_two_points_on_sqlite(on_sqlite: FailpointServer, kills: bool) -> None:
    """What is done after a failure can fail, too."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    met = 0
    for number in range(PAIRS):
        life = chance.choice(list(LIVES))
        first = chance.randint(1, 80)
        second = first + chance.randint(1, 60)
        met += len(await survive(on_sqlite, number, life, first, second, kills=kills)) == 2
    assert met > PAIRS / 2


@pytest.mark.timeout(120)
@FAILURES
@pytest.mark.parametrize("life", LIVES)
async def test_some_points_on_postgres(
    on_postgres: FailpointServer, life: str, kills: bool
) -> None:
    print(f"seed {SEED}")
    first = random.Random(f"{SEED} {life}").randint(1, ON_POSTGRES)
    for number, point in enumerate(range(first, MAX_POINTS, ON_POSTGRES)):
        if not await survive(on_postgres, number, life, point, kills=kills):
            break
    assert number > 60 / ON_POSTGRES


async def fails_somewhere(server: FailpointServer) -> bool:
    for point in range(1, 100):
        try:
            met = await survive(server, point, "finishes", point, kills=True)
        except Exception:
            return True
        if not met:
            break
    return False


async def test_a_relay_that_marks_before_it_sends_is_found(
    on_sqlite: FailpointServer, tmp_path: Path
) -> None:
    mutant = next(candidate for candidate in RELAY if candidate.name == "marked_before_it_is_sent")
    faulty: type[Relay] = import_module(f"{plant(mutant, tmp_path)}.events.relay").Relay
    on_sqlite.relays = faulty
    on_sqlite.relay = faulty(on_sqlite.database, on_sqlite.bus)
    assert await fails_somewhere(on_sqlite)


class EarlyDatabase(FailingDatabase):
    """Says that a transaction is committed when it is about to be."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        left = False
        try:
            async with super().transaction() as session:
                yield session
                left = True
        except Killed:
            if not left:
                raise


async def test_an_answer_before_the_commit_is_found(folder: Path) -> None:
    url = copy_sqlite(MIGRATIONS, folder / "library.db")
    async with failpoint_server(url, folder, embedded=False, database=EarlyDatabase) as server:
        assert await fails_somewhere(server)
