"""R10: a worker is known by an id that no other start has."""

import uuid

from contracts.jobs import JobCompleted
from kit.service import WorkerSettings
from kit.worker.runtime import WorkerRuntime
from tests.support.scripted_service import SERVICE
from tests.worker.conftest import Bench


async def test_a_worker_speaks_under_the_id_of_its_start(bench: Bench) -> None:
    claim = await bench.offer(do="work", seconds=0.5)
    event = await bench.ending(claim)
    assert isinstance(event.data, JobCompleted)
    assert event.data.worker == bench.runtime.worker
    assert {beat.worker for beat in bench.library.beats} == {bench.runtime.worker}


async def test_no_two_starts_have_one_id(bench: Bench) -> None:
    ids = {
        WorkerRuntime(
            SERVICE, WorkerSettings(device="cpu"), platform=bench.platform, library=bench.library
        ).worker
        for _ in range(100)
    }
    assert len(ids | {bench.runtime.worker}) == 101
    assert all(uuid.UUID(id_) for id_ in ids)
