"""Losing, cancelling and draining: the child dies, nothing more is uploaded (R8, R21, R22)."""

from pathlib import Path

from contracts.jobs import Claim, LeaseStatus
from contracts.objects import Bucket
from tests.worker.conftest import WorkerHarness


def children() -> set[int]:
    """Return the engines' processes whose parent is this one."""
    pids = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
            command = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == _self() and fields[0] != "Z" and b"kit.worker.child" in command:
            pids.add(int(stat.parent.name))
    return pids


def _self() -> int:
    return int(Path("/proc/self").resolve().name)


async def wait_until_running(harness: WorkerHarness, claim: Claim) -> None:
    await harness.until(lambda: any(b.progress.fraction > 0 for b in harness.library.beats))


async def nothing_stored(harness: WorkerHarness, claim: Claim) -> bool:
    prefix = f"{claim.owner}/item/{claim.subject.id}/export/"
    return not [file async for file in harness.platform.objects.walk(Bucket.DERIVED, prefix)]


async def test_progress_reaches_the_library(harness: WorkerHarness) -> None:
    claim = await harness.offer(do="work", seconds=3.0)
    await wait_until_running(harness, claim)
    event = await harness.outcome(claim)
    assert event.type == "job.completed"
    assert any(beat.progress.message.startswith("step") for beat in harness.library.beats)


async def test_a_lost_job_is_dropped_within_two_seconds(harness: WorkerHarness) -> None:
    claim = await harness.offer(do="work", seconds=60.0, start_to_close_timeout=100.0)
    await wait_until_running(harness, claim)
    working = children()
    assert working
    harness.library.status = LeaseStatus.LOST
    await harness.until(lambda: not (working & children()), within=2.0)
    harness.library.status = LeaseStatus.HELD
    after = await harness.outcome(await harness.offer(do="finish"))
    assert after.type == "job.completed"
    assert harness.events_of(claim) == []
    assert await nothing_stored(harness, claim)


async def test_a_cancelled_job_is_released_and_its_child_dies(harness: WorkerHarness) -> None:
    claim = await harness.offer(do="work", seconds=60.0, start_to_close_timeout=100.0)
    await wait_until_running(harness, claim)
    harness.library.status = LeaseStatus.CANCELLED
    event = await harness.outcome(claim, within=5.0)
    assert event.type == "job.released"
    assert await nothing_stored(harness, claim)


async def test_a_draining_worker_finishes_what_fits_and_claims_nothing_more(
    harness: WorkerHarness,
) -> None:
    claim = await harness.offer(do="work", seconds=1.5)
    await wait_until_running(harness, claim)
    harness.stopping.set()
    await harness.until(lambda: not harness.runtime.ready)
    event = await harness.outcome(claim)
    assert event.type == "job.completed"
    requests = harness.library.claim_requests
    late = await harness.offer(do="finish")
    assert harness.library.claim_requests == requests
    assert harness.events_of(late) == []


async def test_a_draining_worker_releases_what_does_not_fit(harness: WorkerHarness) -> None:
    claim = await harness.offer(do="work", seconds=60.0, start_to_close_timeout=100.0)
    await wait_until_running(harness, claim)
    harness.stopping.set()
    event = await harness.outcome(claim, within=5.0)
    assert event.type == "job.released"


async def test_a_second_signal_releases_at_once(harness: WorkerHarness) -> None:
    claim = await harness.offer(do="work", seconds=5.0, start_to_close_timeout=100.0)
    await wait_until_running(harness, claim)
    harness.stopping.set()
    harness.runtime.force_stop()
    event = await harness.outcome(claim, within=2.5)
    assert event.type == "job.released"
