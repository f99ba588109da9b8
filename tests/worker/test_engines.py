"""Engines that fail keep nobody waiting who needs them not, and are tried again (R20)."""

from pathlib import Path

import httpx
from prometheus_client import REGISTRY

from contracts.jobs import FailureKind
from kit.http.health import health_app
from kit.worker.runtime import DEVICE_FAILURES, DEVICE_PAUSE
from tests.worker.conftest import ManualWaitClock, WorkerHarness, running_worker


async def health(harness: WorkerHarness) -> int:
    async def ready() -> dict[str, bool]:
        return {"engine": harness.runtime.ready}

    app = health_app(ready, alive=lambda: harness.runtime.device_works)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://worker"
    ) as client:
        return (await client.get("/healthz")).status_code


async def test_a_device_that_fails_three_times_in_a_row_rests_and_is_tried_again(
    tmp_path: Path,
) -> None:
    clock = ManualWaitClock()
    async with running_worker(tmp_path, clock=clock) as harness:
        await harness.until(lambda: harness.runtime.ready)
        assert await health(harness) == 200
        for _ in range(DEVICE_FAILURES):
            event = await harness.outcome(await harness.offer(do="device"))
            assert event.data.kind == FailureKind.RETRYABLE
        await harness.until(lambda: DEVICE_PAUSE in clock.waits)
        assert not harness.runtime.ready
        assert "device failed" in harness.runtime.problem
        assert await health(harness) == 503
        waiting = await harness.offer(do="finish")
        clock.end_waits()
        assert (await harness.outcome(waiting)).type == "job.completed"
        assert harness.runtime.ready
        assert await health(harness) == 200


async def test_an_engine_that_cannot_be_loaded_keeps_no_other_slot_waiting(tmp_path: Path) -> None:
    async with running_worker(tmp_path, clock=ManualWaitClock(), slots=2) as harness:
        await harness.until(lambda: harness.runtime.ready)
        (slot,) = (tmp_path / "scratch").glob("*/slot0")
        (slot / "unloadable").touch()
        await harness.outcome(await harness.offer(do="exit"))
        for _ in range(3):
            event = await harness.outcome(await harness.offer(do="finish"))
            assert event.type == "job.completed"
        assert harness.runtime.ready


async def test_a_process_that_starts_again_is_counted(harness: WorkerHarness) -> None:
    def starts() -> float:
        return REGISTRY.get_sample_value("worker_child_starts_total", {"task": "export"}) or 0.0

    await harness.until(lambda: harness.runtime.ready)
    before = starts()
    assert before >= 1
    await harness.outcome(await harness.offer(do="crash"))
    await harness.outcome(await harness.offer(do="finish"))
    assert starts() == before + 1
