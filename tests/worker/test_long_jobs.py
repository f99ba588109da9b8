"""Slots that are kept for short jobs: however many long ones wait, they stay free for those."""

from pathlib import Path

import pytest

from services.ingest.settings import Settings
from tests.worker.conftest import running_worker


@pytest.mark.parametrize(("slots", "long"), [(1, 1), (2, 1), (3, 2), (8, 4)])
def test_half_of_the_slots_of_ingest_take_long_uploads(slots: int, long: int) -> None:
    assert Settings(slots=slots).long_slots == long
    assert Settings().slots == 2


async def test_a_short_job_runs_alongside_long_ones_which_run_one_by_one(
    tmp_path: Path,
) -> None:
    async with running_worker(tmp_path, chosen=Settings(device="cpu")) as harness:
        first = await harness.offer(long=True, do="hang")
        second = await harness.offer(long=True, do="finish")
        await harness.until(lambda: first not in harness.library.waiting)
        short = await harness.offer(do="finish")
        assert (await harness.outcome(short)).type == "job.completed"
        assert second in harness.library.waiting, "it keeps both slots"
        harness.library.cancelled.add(first.job)
        assert (await harness.outcome(second)).type == "job.completed"
