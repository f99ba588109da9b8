"""R10: a worker is known by an id that no other start has."""

import uuid

from contracts.jobs import JobCompleted
from kit.service import WorkerSettings
from kit.worker.runtime import WorkerRuntime
from tests.support.scripted_service import SERVICE
from tests.worker.conftest import WorkerHarness


async def test_a_worker_uses_the_id_of_its_start(harness: WorkerHarness) -> None:
    claim = await harness.offer(do="work", seconds=0.5)
    event = await harness.outcome(claim)
    assert isinstance(event.data, JobCompleted)
    assert event.data.worker == harness.runtime.worker
    assert {beat.worker for beat in harness.library.beats} == {harness.runtime.worker}


async def test_each_start_has_its_own_id(harness: WorkerHarness) -> None:
    ids = {
        WorkerRuntime(
            SERVICE,
            WorkerSettings(device="cpu"),
            platform=harness.platform,
            library=harness.library,
        ).worker
        for _ in range(100)
    }
    assert len(ids | {harness.runtime.worker}) == 101
    assert all(uuid.UUID(id_) for id_ in ids)
