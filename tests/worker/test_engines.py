"""Engines that fail keep nobody waiting who needs them not, and are tried again (R20)."""

from pathlib import Path

import httpx
from prometheus_client import REGISTRY

from contracts.jobs import FailureKind
from kit.http.health import health_app
from kit.worker.runtime import DEVICE_FAILURES, DEVICE_PAUSE
from tests.worker.conftest import Bench, PatientClock, at_work


async def health(bench: Bench) -> int:
    async def ready() -> dict[str, bool]:
        return {"engine": bench.runtime.ready}

    app = health_app(ready, alive=lambda: bench.runtime.device_works)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://worker"
    ) as client:
        return (await client.get("/healthz")).status_code


async def test_a_device_that_fails_three_times_in_a_row_rests_and_is_tried_again(
    tmp_path: Path,
) -> None:
    clock = PatientClock()
    async with at_work(tmp_path, clock=clock) as bench:
        await bench.until(lambda: bench.runtime.ready)
        assert await health(bench) == 200
        for _ in range(DEVICE_FAILURES):
            event = await bench.ending(await bench.offer(do="device"))
            assert event.data.kind == FailureKind.RETRYABLE
        await bench.until(lambda: DEVICE_PAUSE in clock.waits)
        assert not bench.runtime.ready
        assert "device failed" in bench.runtime.problem
        assert await health(bench) == 503
        waiting = await bench.offer(do="finish")
        clock.end_waits()
        assert (await bench.ending(waiting)).type == "job.completed"
        assert bench.runtime.ready
        assert await health(bench) == 200


async def test_an_engine_that_cannot_be_loaded_keeps_no_other_slot_waiting(tmp_path: Path) -> None:
    async with at_work(tmp_path, clock=PatientClock(), slots=2) as bench:
        await bench.until(lambda: bench.runtime.ready)
        (slot,) = (tmp_path / "scratch").glob("*/slot0")
        (slot / "unloadable").touch()
        await bench.ending(await bench.offer(do="exit"))
        for _ in range(3):
            event = await bench.ending(await bench.offer(do="finish"))
            assert event.type == "job.completed"
        assert bench.runtime.ready


async def test_a_process_that_starts_again_is_counted(bench: Bench) -> None:
    def starts() -> float:
        return REGISTRY.get_sample_value("worker_child_starts_total", {"task": "export"}) or 0.0

    await bench.until(lambda: bench.runtime.ready)
    before = starts()
    assert before >= 1
    await bench.ending(await bench.offer(do="crash"))
    await bench.ending(await bench.offer(do="finish"))
    assert starts() == before + 1
