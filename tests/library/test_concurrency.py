"""Many at once on the job table: every count is exact (R2, R3, R7, R21; T8)."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from contracts.jobs import Priority
from kit.clock import new_id
from services.library.jobs.submission import OwnerQueueFull, ServerQueueFull
from tests.library.job_store import Jobs


@pytest.mark.timeout(120)
async def test_eight_workers_claim_a_thousand_jobs_once_each(jobs: Jobs) -> None:
    owners = [await jobs.owner() for _ in range(4)]
    roomy = jobs.with_policy(replace(jobs.policy, owner_running=1000))
    created = [job for who in owners for job in await roomy.create_many(*who, range(250))]
    taken: list[tuple[str, int]] = []

    async def work() -> None:
        worker = new_id()
        while claim := await roomy.claim(worker):  # type: ignore[arg-type]
            taken.append((claim.job, claim.epoch))

    await asyncio.gather(*(work() for _ in range(8)))
    assert sorted(taken) == sorted((job, 1) for job in created)
    assert await jobs.count("running") == 1000


async def test_concurrent_identical_requests_are_one_job(jobs: Jobs) -> None:
    owner, item = await jobs.owner()
    for number in range(10):
        rows = await asyncio.gather(*(jobs.create(owner, item, number) for _ in range(64)))
        assert len({row.id for row in rows}) == 1
    assert await jobs.count("queued") == 10


async def test_owners_do_not_share_jobs(jobs: Jobs) -> None:
    first, second = await jobs.owner(), await jobs.owner()
    rows = await asyncio.gather(*(jobs.create(*who, 1) for who in (first, second) * 8))
    assert len({row.id for row in rows}) == 2


async def test_an_owners_queue_is_never_longer_than_allowed(jobs: Jobs) -> None:
    tight = jobs.with_policy(replace(jobs.policy, owner_queued=10))
    owner, item = await jobs.owner()
    results = await asyncio.gather(
        *(tight.create(owner, item, n) for n in range(40)), return_exceptions=True
    )
    kinds = Counter(type(result).__name__ for result in results)
    assert kinds == {"JobRow": 10, "OwnerQueueFull": 30}
    with pytest.raises(OwnerQueueFull) as refused:
        await tight.create(owner, item, 99)
    assert refused.value.retry_after.total_seconds() > 0


async def test_a_full_server_refuses_batch_work_first(jobs: Jobs) -> None:
    tight = jobs.with_policy(replace(jobs.policy, server_queued=4))
    owner, item = await jobs.owner()
    for number in range(4):
        await tight.create(owner, item, number, priority=Priority.BATCH)
    with pytest.raises(ServerQueueFull):
        await tight.create(owner, item, 4, priority=Priority.BATCH)
    for number in range(4, 8):
        await tight.create(owner, item, number)
    with pytest.raises(ServerQueueFull):
        await tight.create(owner, item, 8)


async def test_no_more_jobs_of_an_owner_run_than_allowed(jobs: Jobs) -> None:
    tight = jobs.with_policy(replace(jobs.policy, owner_running=2))
    owner, item = await jobs.owner()
    for number in range(12):
        await tight.create(owner, item, number)
    claims = await asyncio.gather(*(tight.claim() for _ in range(8)))
    running = [claim for claim in claims if claim]
    assert len(running) == 2
    await tight.complete(running[0])
    again = await asyncio.gather(*(tight.claim() for _ in range(8)))
    assert len([claim for claim in again if claim]) == 1


async def test_cancel_and_complete_at_once_agree_on_one_end(jobs: Jobs) -> None:
    owner, item = await jobs.owner()
    ends: Counter[str] = Counter()
    for number in range(30):
        await jobs.create(owner, item, number)
        claim = await jobs.claim()
        assert claim is not None
        done, cancelled = await asyncio.gather(jobs.complete(claim), jobs.cancel(owner, claim.job))
        row = await jobs.row(claim.job)
        # The worker was heard: the result stands. Whoever cancelled knows whether it came first.
        assert row.state == "succeeded"
        assert done is not None
        assert cancelled is not None
        assert cancelled.state in ("running", "succeeded")
        assert row.cancel_requested == (cancelled.state == "running")
        ends[cancelled.state] += 1
    assert sum(ends.values()) == 30


async def test_a_completion_delivered_twice_counts_once(jobs: Jobs) -> None:
    owner, item = await jobs.owner()
    row = await jobs.create(owner, item, 1)
    claim = await jobs.claim()
    assert claim is not None
    rows = await asyncio.gather(*(jobs.complete(claim) for _ in range(8)))
    assert len([row for row in rows if row]) == 1
    assert (await jobs.row(row.id)).seq == 3
