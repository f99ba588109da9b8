"""T10: whoever asks for little does not wait for whoever asks for much (R25).

Time is simulated, in mean lengths of a job; the claims are real.
"""

import heapq
from collections import defaultdict
from datetime import timedelta

import pytest

from contracts.ids import OwnerId
from contracts.jobs import Claim, FailureKind, Priority
from services.library.jobs.policy import Policy, RetryPolicy
from tests.library.job_store import Jobs

SLOTS = 8


class Slots:
    """Workers that take real jobs and pretend to work on them, in simulated time."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.now = 0.0
        self.began: dict[str, list[float]] = defaultdict(list)
        self.poison: str | None = None
        """A job that takes its child down, each time."""
        self.crashes = 0
        self._busy: list[tuple[float, int, Claim]] = []
        self._count = 0

    async def fill(self) -> None:
        """Give every free slot a job; lengths differ, as they do, and their mean is 1."""
        while len(self._busy) < SLOTS and (claim := await self.jobs.claim()):
            self.began[claim.owner].append(self.now)
            self._count += 1
            length = 0.6 + 0.2 * (self._count % 5)
            heapq.heappush(self._busy, (self.now + length, self._count, claim))

    async def work(self, jobs: int) -> None:
        """Go on until so many more jobs have begun, or none is left."""
        until = self._count + jobs
        await self.fill()
        while self._busy and self._count < until:
            self.now, _, claim = heapq.heappop(self._busy)
            if claim.job == self.poison:
                await self.jobs.fail(claim, FailureKind.CRASH)
                self.crashes += 1
            else:
                await self.jobs.complete(claim)
            await self.fill()


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(0.95 * len(values)) - 1)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("priority", list(Priority))
@pytest.mark.parametrize("aged", [False, True])
async def test_five_jobs_do_not_wait_for_five_hundred(
    jobs: Jobs, priority: Priority, aged: bool
) -> None:
    much, little = await jobs.owner(), await jobs.owner()
    await jobs.create_many(*much, range(500), priority=priority)
    if aged:
        await jobs.age(timedelta(minutes=40))
    slots = Slots(jobs)
    await slots.work(40)
    sent = slots.now
    for number in range(5):
        await jobs.create(*little, number)
    await slots.work(60)
    waits = [began - sent for began in slots.began[little[0]]]
    assert len(waits) == 5
    assert _p95(waits) <= 2.0
    meanwhile = [began for began in slots.began[much[0]] if began > sent]
    assert len(meanwhile) > 40, "whoever has much goes on meanwhile"


async def test_nobody_is_given_more_than_half_of_the_slots_while_others_wait(jobs: Jobs) -> None:
    first, second = await jobs.owner(), await jobs.owner()
    await jobs.create_many(*first, range(60))
    running: list[Claim] = []
    for _ in range(SLOTS):
        claim = await jobs.claim()
        assert claim is not None
        running.append(claim)
    assert {claim.owner for claim in running} == {first[0]}, "alone, it has them all"
    await jobs.create_many(*second, range(20))
    waiting = 20
    owners: list[str] = []
    while waiting:
        # The one that ends is of whoever has most, at worst the one who came late.
        running.sort(key=lambda claim: sum(other.owner == claim.owner for other in running))
        await jobs.complete(running.pop(0 if len(owners) % 3 == 2 else -1))
        claim = await jobs.claim()
        assert claim is not None
        running.append(claim)
        owners.append(claim.owner)
        waiting -= claim.owner == second[0]
        share = sum(other.owner == claim.owner for other in running)
        assert share <= SLOTS // 2, f"claim {len(owners)} gave {share} of {SLOTS} to one of two"
    assert owners[: SLOTS // 2 - 1].count(first[0]) == 0, "at first all go to who has least"


@pytest.mark.timeout(120)
async def test_twenty_owners_get_the_same_share(jobs: Jobs) -> None:
    owners = [await jobs.owner() for _ in range(20)]
    for owner, item in owners:
        await jobs.create_many(owner, item, range(50))
    slots = Slots(jobs)
    await slots.work(200)
    shares = [len(slots.began[owner]) for owner, _ in owners]
    jain = sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))
    assert jain >= 0.9, shares


@pytest.mark.timeout(120)
async def test_a_file_that_crashes_keeps_nobody_waiting(jobs: Jobs) -> None:
    jobs = jobs.with_policy(Policy(retry=RetryPolicy(initial_interval=timedelta())))

    async def waits(poisoned: bool) -> float:
        owners = [await jobs.owner() for _ in range(10)]
        for owner, item in owners:
            await jobs.create_many(owner, item, range(8))
        odd = await jobs.create(*await jobs.owner(), 0)
        slots = Slots(jobs)
        slots.poison = odd.id if poisoned else None
        await slots.work(1_000)
        assert slots.crashes == (3 if poisoned else 0)
        assert (await jobs.row(odd.id)).state == ("failed" if poisoned else "succeeded")
        assert all(len(slots.began[owner]) == 8 for owner, _ in owners)
        return _p95([began for owner, _ in owners for began in slots.began[owner]])

    usual = await waits(poisoned=False)
    assert await waits(poisoned=True) < 1.2 * usual


async def test_a_job_is_not_tried_again_after_its_day(jobs: Jobs) -> None:
    owner, item = await jobs.owner()
    late = jobs.with_policy(Policy(schedule_to_close_timeout=timedelta(seconds=-1)))
    for store, state, reason in ((late, "failed", "exhausted"), (jobs, "queued", None)):
        job = await store.create(owner, item, 1, force=True)
        claim = await store.claim()
        assert claim is not None
        assert claim.job == job.id
        row = await store.fail(claim, FailureKind.RETRYABLE)
        assert row is not None
        assert (row.state, row.retries, row.reason_code) == (state, 1, reason)


async def test_interactive_work_goes_before_batch_until_batch_has_waited_long(jobs: Jobs) -> None:
    owner, item = await jobs.owner()
    other, thing = await jobs.owner()
    batch = await jobs.create(owner, item, 1, priority=Priority.BATCH)
    quick = await jobs.create(other, thing, 2)
    assert await _next(jobs) == quick.id
    later = await jobs.create(other, thing, 3)
    await jobs.age(timedelta(minutes=31))
    newest = await jobs.create(OwnerId(other), thing, 4)
    # Both are of the first class now; the owner with nothing running goes first.
    assert [await _next(jobs) for _ in range(3)] == [batch.id, later.id, newest.id]


async def _next(jobs: Jobs, *, max_long_jobs: int = 1) -> str | None:
    claimed = await jobs.claim_many(1, max_long_jobs=max_long_jobs)
    return claimed[0].job if claimed else None


async def test_short_jobs_of_an_owner_go_first_until_a_long_one_has_waited(jobs: Jobs) -> None:
    owner, item = await jobs.owner()
    long = await jobs.create(owner, item, 1, long=True)
    short = [await jobs.create(owner, item, number) for number in (2, 3)]
    assert await _next(jobs) == short[0].id
    await jobs.age(timedelta(minutes=6))
    assert [await _next(jobs) for _ in range(3)] == [long.id, short[1].id, None]


async def test_length_changes_nothing_between_priorities_or_owners(jobs: Jobs) -> None:
    owner, item = await jobs.owner()
    other, thing = await jobs.owner()
    urgent = await jobs.create(owner, item, 1, long=True)
    await jobs.create(other, thing, 1, priority=Priority.BATCH)
    assert await _next(jobs) == urgent.id, "a long interactive job goes before a short batch job"
    mine = await jobs.create(owner, item, 2)
    theirs = await jobs.create(other, thing, 2, long=True)
    assert await _next(jobs) == theirs.id, "who has less running is next, whatever the length"
    assert await _next(jobs) == mine.id


async def test_a_short_job_is_next_where_a_worker_has_no_room_for_long_ones(jobs: Jobs) -> None:
    first, second, third = [await jobs.owner() for _ in range(3)]
    long = [await jobs.create(*who, 1, long=True) for who in (first, second)]
    await jobs.age(timedelta(hours=1))
    assert await _next(jobs, max_long_jobs=0) is None
    short = await jobs.create(*third, 1)
    assert await _next(jobs, max_long_jobs=0) == short.id
    assert [await _next(jobs) for _ in range(2)] == [row.id for row in long]


async def test_no_more_long_jobs_are_handed_out_at_once_than_there_is_room_for(jobs: Jobs) -> None:
    for number in range(3):
        owner, item = await jobs.owner()
        await jobs.create(owner, item, number, long=True)
        await jobs.create(owner, item, 10 + number)
    claimed = await jobs.claim_many(6, max_long_jobs=1)
    assert sum(claim.long for claim in claimed) == 1
    assert len(claimed) == 4
