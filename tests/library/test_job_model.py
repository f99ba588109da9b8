"""T1: the job store against its model, on both databases."""

import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.library.job_state_machine import machine_of
from tests.library.store_harness import Store, StoreHarness

SCHEDULES = int(os.environ.get("CRATEDIG_TEST_SCHEDULES", "80"))
"""How many schedules of 50 steps are tried on SQLite."""
ON_POSTGRES = max(40, SCHEDULES * 3 // 20)
SEED = int(os.environ.get("CRATEDIG_TEST_SEED", "20"))
PARTS = 4
"""Into so many tests the schedules are divided, so that every core has its share."""


@pytest.fixture
def sqlite_harness() -> Iterator[StoreHarness]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.exists() else None) as folder:
        harness = StoreHarness(f"sqlite+aiosqlite:///{folder}/library.db")
        yield harness
        harness.close()


@pytest.fixture
def postgres_harness(postgres_url: str) -> Iterator[StoreHarness]:
    harness = StoreHarness(postgres_url)
    yield harness
    harness.close()


@contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Look for garbage more seldom: statements make much of it, and little of it in circles."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def run_schedules(harness: StoreHarness, schedules: int, part: int) -> None:
    number = SEED * PARTS + part
    print(f"seed {SEED}, part {part}: {schedules} schedules")
    machine = seed(number)(machine_of(harness, Store.of("services.library")))
    chosen = settings(
        max_examples=max(1, schedules),
        stateful_step_count=50,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with rare_garbage_collection():
        run_state_machine_as_test(machine, settings=chosen)


@pytest.mark.timeout(120 + SCHEDULES)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_schedule_on_sqlite(sqlite_harness: StoreHarness, part: int) -> None:
    run_schedules(sqlite_harness, SCHEDULES // PARTS, part)


@pytest.mark.timeout(120 + SCHEDULES)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_schedule_on_postgres(postgres_harness: StoreHarness, part: int) -> None:
    run_schedules(postgres_harness, ON_POSTGRES // PARTS, part)
