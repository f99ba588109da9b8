"""T1: the job store against its model, on both databases."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.library.model import machine_of
from tests.library.world import Store, World

RUNS = int(os.environ.get("CRATEDIG_MODEL_RUNS", "200"))
"""How many schedules of 50 steps are tried on SQLite; a fifth of it on Postgres."""


@pytest.fixture
def sqlite_world() -> Iterator[World]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.exists() else None) as folder:
        world = World(f"sqlite+aiosqlite:///{folder}/library.db")
        yield world
        world.close()


@pytest.fixture
def postgres_world(postgres_url: str) -> Iterator[World]:
    world = World(postgres_url)
    yield world
    world.close()


def _settings(runs: int) -> settings:
    return settings(
        max_examples=max(1, runs),
        stateful_step_count=50,
        deadline=None,
        derandomize="CRATEDIG_MODEL_RUNS" not in os.environ,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@pytest.mark.timeout(1800 if RUNS > 200 else 150)
def test_any_schedule_on_sqlite(sqlite_world: World) -> None:
    machine = machine_of(sqlite_world, Store.of("services.library"))
    run_state_machine_as_test(machine, settings=_settings(RUNS))


@pytest.mark.timeout(1800 if RUNS > 200 else 150)
def test_any_schedule_on_postgres(postgres_world: World) -> None:
    machine = machine_of(postgres_world, Store.of("services.library"))
    run_state_machine_as_test(machine, settings=_settings(RUNS // 5))
