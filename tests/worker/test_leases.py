"""Losing, cancelling and draining: the child dies, nothing more is uploaded (R8, R21, R22)."""

from pathlib import Path

from contracts.jobs import Claim, LeaseStatus
from contracts.objects import Bucket
from tests.worker.conftest import Bench


def children() -> set[int]:
    """Return the engines' processes whose parent is this one."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
            command = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == _self() and fields[0] != "Z" and b"kit.worker.child" in command:
            found.add(int(stat.parent.name))
    return found


def _self() -> int:
    return int(Path("/proc/self").resolve().name)


async def at_work(bench: Bench, claim: Claim) -> None:
    await bench.until(lambda: any(b.progress.fraction > 0 for b in bench.library.beats))


async def nothing_stored(bench: Bench, claim: Claim) -> bool:
    prefix = f"{claim.owner}/item/{claim.subject.id}/export/"
    return not [one async for one in bench.platform.objects.walk(Bucket.DERIVED, prefix)]


async def test_progress_reaches_the_desk(bench: Bench) -> None:
    claim = await bench.offer(do="work", seconds=3.0)
    await at_work(bench, claim)
    event = await bench.ending(claim)
    assert event.type == "job.completed"
    assert any(beat.progress.message.startswith("step") for beat in bench.library.beats)


async def test_a_lost_job_is_dropped_within_two_seconds(bench: Bench) -> None:
    claim = await bench.offer(do="work", seconds=60.0, start_to_close_timeout=100.0)
    await at_work(bench, claim)
    working = children()
    assert working
    bench.library.status = LeaseStatus.LOST
    await bench.until(lambda: not (working & children()), within=2.0)
    bench.library.status = LeaseStatus.HELD
    after = await bench.ending(await bench.offer(do="finish"))
    assert after.type == "job.completed"
    assert bench.of(claim) == []
    assert await nothing_stored(bench, claim)


async def test_a_cancelled_job_is_given_back_and_its_child_dies(bench: Bench) -> None:
    claim = await bench.offer(do="work", seconds=60.0, start_to_close_timeout=100.0)
    await at_work(bench, claim)
    bench.library.status = LeaseStatus.CANCELLED
    event = await bench.ending(claim, within=5.0)
    assert event.type == "job.released"
    assert await nothing_stored(bench, claim)


async def test_a_draining_worker_finishes_what_fits_and_claims_nothing_more(bench: Bench) -> None:
    claim = await bench.offer(do="work", seconds=1.5)
    await at_work(bench, claim)
    bench.stopping.set()
    await bench.until(lambda: not bench.runtime.ready)
    event = await bench.ending(claim)
    assert event.type == "job.completed"
    asked = bench.library.asked
    late = await bench.offer(do="finish")
    assert bench.library.asked == asked
    assert bench.of(late) == []


async def test_a_draining_worker_releases_what_does_not_fit(bench: Bench) -> None:
    claim = await bench.offer(do="work", seconds=60.0, start_to_close_timeout=100.0)
    await at_work(bench, claim)
    bench.stopping.set()
    event = await bench.ending(claim, within=5.0)
    assert event.type == "job.released"


async def test_a_second_signal_releases_at_once(bench: Bench) -> None:
    claim = await bench.offer(do="work", seconds=5.0, start_to_close_timeout=100.0)
    await at_work(bench, claim)
    bench.stopping.set()
    bench.runtime.force_stop()
    event = await bench.ending(claim, within=2.5)
    assert event.type == "job.released"
