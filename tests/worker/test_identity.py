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


async def test_a_worker_describes_itself_with_its_first_claim_only(
    harness: WorkerHarness,
) -> None:
    await harness.outcome(await harness.offer(do="work", seconds=0.0))
    await harness.outcome(await harness.offer(do="work", seconds=0.0))
    first, *later = harness.library.abouts
    assert first is not None
    assert (first.device, first.slots) == ("cpu", len(harness.runtime._slots))
    assert first.host
    assert later
    assert set(later) == {None}


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
