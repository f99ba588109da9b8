"""R9, R12, R15, R17, R27: what becomes of jobs whose worker is silent, and of what is left over."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, update
from sqlmodel import col

from contracts.ids import EventId, ItemId, OwnerId, WorkerId
from contracts.items import ArtifactKind
from contracts.jobs import (
    Claim,
    Failure,
    FailureKind,
    JobCompleted,
    JobFailed,
    Manifest,
    StoredFile,
)
from contracts.objects import MANIFEST, Bucket, artifact_key
from contracts.topics import JOBS_EVENTS
from kit.bus.base import AnyEvent, NotNow
from kit.clock import SystemClock, new_id
from kit.database.engine import Database
from kit.objects.files import FileStore
from kit.objects.signing import Signer
from services.library.handlers import JobEvents
from services.library.reaper import Reaper
from services.library.results import NoManifest
from services.library.tables import ArtifactRow, EventRow, GarbageRow, InboxRow, JobRow, UploadRow
from tests.library.house import MAKE, Jobs
from tests.library.relaying import Wire, until

DATA = b"notes"


class QuickClock(SystemClock):
    """Sleeps as long as a turn of the loop takes, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@dataclass
class House:
    """Jobs, a store and a reaper."""

    jobs: Jobs
    objects: FileStore
    clock: QuickClock
    caught_up: asyncio.Event
    reaper: Reaper
    handler: JobEvents
    owner: OwnerId
    item: ItemId

    async def running(self, number: int = 1) -> Claim:
        await self.jobs.create(self.owner, self.item, number)
        claim = await self.jobs.claim()
        assert claim is not None
        return claim

    async def store(self, claim: Claim, *, epoch: int | None = None, text: str = "") -> str:
        """Leave what a worker leaves; return the digest of its manifest."""
        await self._put(claim, "notes.json", DATA, claim.epoch)
        file = StoredFile(
            name="notes.json",
            kind=ArtifactKind.NOTES,
            media_type="application/json",
            size=len(DATA),
            sha256=_digest(DATA),
        )
        manifest = Manifest(
            job=claim.job, epoch=epoch or claim.epoch, make=MAKE, result={"n": 1}, files=(file,)
        )
        data = text.encode() or manifest.model_dump_json().encode()
        await self._put(claim, MANIFEST, data, claim.epoch)
        return _digest(data)

    async def silence(self, by: timedelta = timedelta(hours=1)) -> None:
        """Let every lease have run out so long ago."""
        async with self.jobs.database.transaction() as session:
            times = {"lease_until": self.jobs.database.now(offset=-by)}
            await session.execute(update(JobRow).values(times))

    async def artifacts(self) -> list[ArtifactRow]:
        async with self.jobs.database.session() as session:
            return list(await session.scalars(select(ArtifactRow)))

    async def _put(self, claim: Claim, name: str, data: bytes, epoch: int) -> None:
        key = artifact_key(claim.owner, claim.subject, claim.task, claim.job, epoch, name)
        await self.objects.put_bytes(Bucket.DERIVED, key, data, media_type="application/json")


@pytest.fixture
async def house(jobs: Jobs, tmp_path: Path) -> AsyncIterator[House]:
    objects = FileStore(tmp_path / "objects", signer=Signer("secret" * 8))
    await objects.ensure()
    clock, caught_up = QuickClock(), asyncio.Event()
    reaper = Reaper(jobs.database, objects, policy=jobs.policy, clock=clock, results_read=caught_up)
    handler = JobEvents(jobs.database, objects, policy=jobs.policy)
    owner, item = await jobs.owner()
    yield House(jobs, objects, clock, caught_up, reaper, handler, owner, item)
    await objects.close()


async def test_a_silent_workers_job_waits_again(house: House) -> None:
    claim = await house.running()
    assert await house.reaper.sweep() == 0, "a lease that runs is left alone"
    await house.silence()
    assert await house.reaper.sweep() == 1
    row = await house.jobs.row(claim.job)
    assert (row.state, row.lost) == ("queued", 1)
    again = await house.jobs.claim()
    assert again is not None
    assert (again.job, again.epoch) == (claim.job, 2), "it can be claimed again at once"
    assert await house.jobs.complete(claim) is None, "the first worker has lost it"


async def test_a_result_that_was_stored_but_not_told_counts(house: House) -> None:
    claim = await house.running()
    await house.store(claim)
    await house.silence()
    await house.reaper.sweep()
    row = await house.jobs.row(claim.job)
    assert (row.state, row.result, row.lost) == ("succeeded", {"n": 1}, 0)
    assert [a.name for a in await house.artifacts()] == ["notes.json"]


@pytest.mark.parametrize(("epoch", "text"), [(7, ""), (None, "{"), (None, '{"job": "another"}')])
async def test_a_manifest_that_is_not_this_attempts_does_not_count(
    house: House, epoch: int | None, text: str
) -> None:
    claim = await house.running()
    await house.store(claim, epoch=epoch, text=text)
    await house.silence()
    await house.reaper.sweep()
    assert (await house.jobs.row(claim.job)).state == "queued"
    assert await house.artifacts() == []


async def test_no_lease_ends_before_this_start_knows_who_is_silent(house: House) -> None:
    claim = await house.running()
    await house.silence()
    stopping = asyncio.Event()
    running = asyncio.create_task(house.reaper.run(stopping))
    await until(lambda: house.jobs.policy.lease.total_seconds() in house.clock.slept)
    for _ in range(50):
        await asyncio.sleep(0)
    assert (await house.jobs.row(claim.job)).state == "running"
    house.caught_up.set()
    async with asyncio.timeout(20):
        while (await house.jobs.row(claim.job)).state == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    stopping.set()
    await running


async def test_a_start_that_no_worker_outlived_puts_jobs_back_at_once(house: House) -> None:
    finished, begun = await house.running(1), await house.running(2)
    await house.store(finished)
    assert await house.reaper.requeue_all() == 2
    assert (await house.jobs.row(finished.job)).state == "succeeded"
    row = await house.jobs.row(begun.job)
    assert (row.state, row.attempt, row.lost, row.crashes) == ("queued", 1, 1, 0)


async def test_a_job_that_takes_every_process_down_has_failed_in_the_end(house: House) -> None:
    policy = replace(house.jobs.policy, lost=3, backoff=timedelta())
    reaper = Reaper(
        house.jobs.database,
        house.objects,
        policy=policy,
        clock=house.clock,
        results_read=house.caught_up,
    )
    claim = await house.running()
    for lost in (1, 2, 3):
        assert await reaper.requeue_all() == 1
        row = await house.jobs.row(claim.job)
        assert (row.state, row.attempt, row.lost) == ("queued", lost, lost)
        assert await house.jobs.claim() is not None
    await reaper.requeue_all()
    row = await house.jobs.row(claim.job)
    assert (row.state, row.reason, row.lost) == ("failed", "exhausted", 4)
    assert row.failure is not None
    assert "more memory" in row.failure["message"]


async def test_after_the_second_loss_a_job_waits_before_it_is_run_again(house: House) -> None:
    claim = await house.running()
    await house.reaper.requeue_all()
    assert await house.jobs.claim() is not None, "the first loss costs no time"
    await house.reaper.requeue_all()
    row = await house.jobs.row(claim.job)
    assert row.not_before > row.started


async def test_what_an_attempt_left_is_cleared_away_in_time(house: House) -> None:
    claim = await house.running()
    await house.store(claim, text="{")
    await house.silence()
    await house.reaper.sweep()
    prefix = f"{claim.owner}/"

    async def left() -> list[str]:
        return [facts.key async for facts in house.objects.walk(Bucket.DERIVED, prefix)]

    await house.reaper.tidy()
    assert len(await left()) == 2, "its worker may still be writing"
    async with house.jobs.database.transaction() as session:
        due = house.jobs.database.now(offset=timedelta(seconds=-1))
        await session.execute(update(GarbageRow).values(due=due))
    await house.reaper.tidy()
    assert await left() == []
    async with house.jobs.database.session() as session:
        assert list(await session.scalars(select(GarbageRow))) == []


async def test_an_upload_that_is_late_is_given_up(house: House) -> None:
    database = house.jobs.database
    key = f"{house.owner}/uploads/u/original"
    reference = await house.objects.start_upload(Bucket.ORIGINALS, key, media_type="audio/wav")
    async with database.transaction() as session:
        now = await database.time(session)
        for id_, hours in (("late", -1), ("open", 1)):
            session.add(
                UploadRow(
                    id=id_, owner=house.owner, state="open", name="x", size=1, sha256="0" * 64,
                    object_key=key if id_ == "late" else "else/where/original",
                    reference=reference, part_size=1, created=now,
                    expires=now + timedelta(hours=hours),
                )
            )  # fmt: skip
    await house.reaper.tidy()
    await house.reaper.tidy()  # What the first round found is cleared away by the second.
    async with database.session() as session:
        states = {row.id: row.state for row in await session.scalars(select(UploadRow))}
    assert states == {"late": "aborted", "open": "open"}
    assert [u.key async for u in house.objects.uploads(Bucket.ORIGINALS, "")] == []


async def test_objects_of_no_job_are_found_and_removed_after_a_day(house: House) -> None:
    known = await house.running()
    await house.store(known)
    stray = known.model_copy(update={"job": new_id()})
    await house.store(stray)
    assert await house.reaper.clear_orphans() == 0, "a young one may be under way"
    house.clock.ahead = timedelta(hours=25)
    assert await house.reaper.clear_orphans() == 1
    assert REGISTRY.get_sample_value("library_orphaned_prefixes") == 1
    await house.reaper.tidy()
    left = [facts.key async for facts in house.objects.walk(Bucket.DERIVED, "")]
    assert len(left) == 2
    assert all(known.job in key for key in left)
    assert await house.reaper.clear_orphans() == 0
    assert REGISTRY.get_sample_value("library_orphaned_prefixes") == 0


@pytest.mark.parametrize(("column", "claimed"), [("start_by", False), ("close_by", True)])
async def test_a_job_that_nobody_takes_in_time_has_expired(
    house: House, column: str, claimed: bool
) -> None:
    job = (await house.jobs.create(house.owner, house.item, 1)).id
    if claimed:
        claim = await house.jobs.claim()
        assert claim is not None
        await house.jobs.release(claim)
    await house.reaper.sweep()
    assert (await house.jobs.row(job)).state == "queued"
    database = house.jobs.database
    async with database.transaction() as session:
        past = database.now(offset=timedelta(seconds=-1))
        await session.execute(update(JobRow).values({column: past}))
    await house.reaper.sweep()
    row = await house.jobs.row(job)
    assert (row.state, row.reason) == ("failed", "expired")
    assert row.failure is not None
    assert "worker for midi" in row.failure["message"]
    assert await house.jobs.claim() is None


async def test_a_job_that_overran_is_ended_though_its_worker_lives(house: House) -> None:
    claim = await house.running()
    database = house.jobs.database
    async with database.transaction() as session:
        late = database.now(offset=-house.jobs.policy.overrun - timedelta(seconds=1))
        await session.execute(update(JobRow).values(deadline=late))
    await house.reaper.sweep()
    row = await house.jobs.row(claim.job)
    assert (row.state, row.reason) == ("failed", "timeout")
    assert await house.jobs.complete(claim) is None


async def test_old_notes_are_forgotten_and_unsent_events_are_not(house: House) -> None:
    database = house.jobs.database
    await house.running()
    old = database.now(offset=timedelta(days=-20))
    async with database.transaction() as session:
        session.add(InboxRow(consumer="library", event="e", received=await database.time(session)))
    async with database.transaction() as session:
        await session.execute(update(InboxRow).values(received=old))
        await session.execute(update(EventRow).values(time=old))
        some = update(EventRow).where(col(EventRow.type) == "job.queued")
        await session.execute(some.values(published=old))
    await house.reaper.tidy()
    async with database.session() as session:
        assert list(await session.scalars(select(InboxRow))) == []
        left = {row.type for row in await session.scalars(select(EventRow))}
    assert left == {"job.running", "midi.requested"}


# What workers say.


async def test_a_workers_word_counts_once(house: House) -> None:
    claim = await house.running()
    digest = await house.store(claim)
    told = _event("job.completed", _completed(claim, digest))
    for _ in range(3):
        await house.handler(told)
    row = await house.jobs.row(claim.job)
    assert (row.state, row.seq) == ("succeeded", 3)
    assert len(await house.artifacts()) == 1
    async with house.jobs.database.session() as session:
        assert len(list(await session.scalars(select(InboxRow)))) == 1


async def test_a_failure_told_twice_is_one_failure(house: House) -> None:
    claim = await house.running()
    failed = JobFailed(
        job=claim.job,
        epoch=claim.epoch,
        worker=WorkerId(new_id()),
        kind=FailureKind.CRASH,
        failure=Failure(reason="crash", message="x"),
    )
    told = _event("job.failed", failed)
    await house.handler(told)
    await house.handler(told)
    assert (await house.jobs.row(claim.job)).crashes == 1


async def test_a_stale_workers_result_changes_nothing(house: House) -> None:
    claim = await house.running()
    await house.silence()
    await house.reaper.sweep()
    again = await house.jobs.claim()
    assert again is not None
    await house.handler(_event("job.completed", _completed(claim, await house.store(claim))))
    row = await house.jobs.row(claim.job)
    assert (row.state, row.epoch) == ("running", 2)
    assert await house.artifacts() == []


async def test_a_manifest_that_was_changed_is_not_applied(house: House) -> None:
    claim = await house.running()
    await house.store(claim)
    with pytest.raises(NoManifest, match="not the one"):
        await house.handler(_event("job.completed", _completed(claim, "0" * 64)))
    assert (await house.jobs.row(claim.job)).state == "running"


async def test_a_manifest_that_is_told_is_not_fetched(house: House) -> None:
    claim = await house.running()
    told = Manifest(job=claim.job, epoch=claim.epoch, make=MAKE, result={"n": 7})
    # Nothing is stored: whoever asked the store for it would find no manifest.
    said = _completed(claim, "0" * 64).model_copy(update={"manifest": told})
    await house.handler(_event("job.completed", said))
    row = await house.jobs.row(claim.job)
    assert (row.state, row.result) == ("succeeded", {"n": 7})


async def test_a_manifest_that_is_told_of_another_attempt_is_not_applied(house: House) -> None:
    claim = await house.running()
    for wrong in ({"job": new_id()}, {"epoch": claim.epoch + 1}):
        told = Manifest(job=claim.job, epoch=claim.epoch, make=MAKE, result={})
        told = told.model_copy(update=wrong)
        said = _completed(claim, "0" * 64).model_copy(update={"manifest": told})
        with pytest.raises(NoManifest, match="speaks of"):
            await house.handler(_event("job.completed", said))
    assert (await house.jobs.row(claim.job)).state == "running"


async def test_an_event_waits_while_the_database_is_away(house: House) -> None:
    claim = await house.running()
    digest = await house.store(claim)
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", clock=SystemClock())
    handler = JobEvents(away, house.objects, policy=house.jobs.policy)
    with pytest.raises(NotNow):
        await handler(_event("job.completed", _completed(claim, digest)))
    await away.close()


async def test_the_third_crash_is_told_to_operators(house: House) -> None:
    jobs = house.jobs.with_policy(replace(house.jobs.policy, backoff=timedelta()))
    handler = JobEvents(jobs.database, house.objects, policy=jobs.policy)
    await jobs.create(house.owner, house.item, 1)
    for _ in range(3):
        claim = await jobs.claim()
        assert claim is not None
        job = claim.job
        failed = JobFailed(
            job=claim.job,
            epoch=claim.epoch,
            worker=WorkerId(new_id()),
            kind=FailureKind.CRASH,
            failure=Failure(reason="crash", message="x"),
            detail="SIGSEGV\nlast words",
        )
        await handler(_event("job.failed", failed))
    row = await jobs.row(job)
    assert (row.state, row.reason) == ("failed", "crash")
    async with jobs.database.session() as session:
        query = select(EventRow).where(col(EventRow.topic) == "dead.letters")
        letters = list(await session.scalars(query))
    assert [letter.data["detail"] for letter in letters] == ["SIGSEGV\nlast words"]


def test_the_handler_reads_for_the_librarys_group(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db", clock=SystemClock())
    objects = FileStore(tmp_path / "objects", signer=Signer("secret" * 8))
    consumer = JobEvents(database, objects, policy=Jobs(database).policy).consumer(Wire())
    assert not consumer.caught_up.is_set()


def _completed(claim: Claim, digest: str) -> JobCompleted:
    key = artifact_key(claim.owner, claim.subject, claim.task, claim.job, claim.epoch, MANIFEST)
    return JobCompleted(
        job=claim.job,
        epoch=claim.epoch,
        worker=WorkerId(new_id()),
        manifest_key=key,
        manifest_sha256=digest,
    )


def _event(type_: str, data: JobCompleted | JobFailed) -> AnyEvent:
    assert type_ in JOBS_EVENTS.events
    return AnyEvent(
        id=EventId(new_id()),
        type=type_,
        source="/midi",
        subject=data.job,
        time=SystemClock().now(),
        dataschema="urn:test",
        data=data,
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
