"""T5: the model has teeth."""

from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.library.job_state_machine import machine_of
from tests.library.job_store import open_jobs
from tests.library.mutants import RELAY, STORE, Mutant, plant
from tests.library.relay_contract import ON_ANY, ON_POSTGRES
from tests.library.store_harness import Store, StoreHarness
from tests.library.test_job_model import sqlite_harness

__all__ = ["sqlite_harness"]

SEARCH = settings(
    max_examples=600,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("mutant", STORE, ids=lambda mutant: mutant.name)
def test_a_fault_in_the_job_table_is_found(
    mutant: Mutant, tmp_path: Path, sqlite_harness: StoreHarness
) -> None:
    machine = machine_of(sqlite_harness, Store.of(plant(mutant, tmp_path)))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=SEARCH)


@pytest.mark.parametrize("mutant", RELAY, ids=lambda mutant: mutant.name)
async def test_a_fault_in_the_relay_is_found(
    mutant: Mutant, tmp_path: Path, library_postgres_url: str
) -> None:
    relays = import_module(f"{plant(mutant, tmp_path)}.events.relay")
    failures = []
    async with open_jobs(library_postgres_url) as jobs:
        for check in (*ON_ANY, *ON_POSTGRES):
            try:
                await check(relays, jobs.database)
            except AssertionError as error:
                failures.append(error)
    assert failures
