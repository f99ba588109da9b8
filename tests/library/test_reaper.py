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
    FailureKind,
    JobCompleted,
    JobFailed,
    Manifest,
    Reason,
    StoredFile,
)
from contracts.objects import MANIFEST, Bucket, artifact_key
from contracts.topics import JOBS_EVENTS
from kit.bus.base import AnyEvent, RetryLater
from kit.clock import SystemClock, new_id
from kit.database.engine import Database
from kit.objects.files import FileStore
from kit.objects.signing import Signer
from services.library.app import register_hooks
from services.library.catalogue.tables import ArtifactRow, UploadRow
from services.library.completion.reaper import Reaper
from services.library.completion.results import NoManifest
from services.library.completion.worker_events import JobEvents
from services.library.events.tables import EventRow, InboxRow
from services.library.jobs.policy import RetryPolicy
from services.library.jobs.tables import GarbageRow, JobRow
from services.library.maintenance.cleanup import Cleanup
from services.library.similarity.sound_vectors import open_sound_vectors
from tests.library.job_store import PRODUCER, Jobs
from tests.library.relay_contract import RecordingBus, until

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
class RunningServer:
    """Jobs, a store and a reaper."""

    jobs: Jobs
    objects: FileStore
    clock: QuickClock
    caught_up: asyncio.Event
    reaper: Reaper
    cleanup: Cleanup
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
            job=claim.job,
            epoch=epoch or claim.epoch,
            producer=PRODUCER,
            result={"n": 1},
            files=(file,),
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
async def server(jobs: Jobs, tmp_path: Path) -> AsyncIterator[RunningServer]:
    objects = FileStore(tmp_path / "objects", signer=Signer("secret" * 8))
    await objects.ensure()
    clock, caught_up = QuickClock(), asyncio.Event()
    reaper = Reaper(jobs.database, objects, policy=jobs.policy, clock=clock, results_read=caught_up)
    handler = JobEvents(jobs.database, objects, policy=jobs.policy)
    register_hooks(jobs.database, jobs.policy)
    owner, item = await jobs.owner()
    cleanup = Cleanup(
        jobs.database,
        objects,
        policy=jobs.policy,
        feed_retention=timedelta(days=7),
        vectors=await open_sound_vectors(jobs.database, f"sqlite:///{tmp_path}/library.db"),
        clock=clock,
    )
    yield RunningServer(jobs, objects, clock, caught_up, reaper, cleanup, handler, owner, item)
    await objects.close()


async def test_a_silent_workers_job_waits_again(server: RunningServer) -> None:
    claim = await server.running()
    assert await server.reaper.sweep() == 0, "a lease that runs is left alone"
    await server.silence()
    assert await server.reaper.sweep() == 1
    row = await server.jobs.row(claim.job)
    assert (row.state, row.lost) == ("queued", 1)
    again = await server.jobs.claim()
    assert again is not None
    assert (again.job, again.epoch) == (claim.job, 2), "it can be claimed again at once"
    assert await server.jobs.complete(claim) is None, "the first worker has lost it"


async def test_a_result_that_was_stored_but_not_published_counts(server: RunningServer) -> None:
    claim = await server.running()
    await server.store(claim)
    await server.silence()
    await server.reaper.sweep()
    row = await server.jobs.row(claim.job)
    assert (row.state, row.result, row.lost) == ("succeeded", {"n": 1}, 0)
    assert [a.name for a in await server.artifacts()] == ["notes.json"]


@pytest.mark.parametrize(("epoch", "text"), [(7, ""), (None, "{"), (None, '{"job": "another"}')])
async def test_a_manifest_that_is_not_this_attempts_does_not_count(
    server: RunningServer, epoch: int | None, text: str
) -> None:
    claim = await server.running()
    await server.store(claim, epoch=epoch, text=text)
    await server.silence()
    await server.reaper.sweep()
    assert (await server.jobs.row(claim.job)).state == "queued"
    assert await server.artifacts() == []


async def test_no_lease_ends_before_this_start_knows_who_is_silent(server: RunningServer) -> None:
    claim = await server.running()
    await server.silence()
    stopping = asyncio.Event()
    running = asyncio.create_task(server.reaper.run(stopping))
    await until(lambda: server.jobs.policy.lease.total_seconds() in server.clock.slept)
    for _ in range(50):
        await asyncio.sleep(0)
    assert (await server.jobs.row(claim.job)).state == "running"
    server.caught_up.set()
    async with asyncio.timeout(20):
        while (await server.jobs.row(claim.job)).state == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    stopping.set()
    await running


async def test_a_start_that_no_worker_outlived_puts_jobs_back_at_once(
    server: RunningServer,
) -> None:
    finished, begun = await server.running(1), await server.running(2)
    await server.store(finished)
    assert await server.reaper.requeue_all() == 2
    assert (await server.jobs.row(finished.job)).state == "succeeded"
    row = await server.jobs.row(begun.job)
    assert (row.state, row.attempt, row.lost, row.crashes) == ("queued", 1, 1, 0)


async def test_a_job_that_takes_every_process_down_has_failed_in_the_end(
    server: RunningServer,
) -> None:
    policy = replace(
        server.jobs.policy, retry=RetryPolicy(maximum_lost=3, initial_interval=timedelta())
    )
    reaper = Reaper(
        server.jobs.database,
        server.objects,
        policy=policy,
        clock=server.clock,
        results_read=server.caught_up,
    )
    claim = await server.running()
    for lost in (1, 2, 3):
        assert await reaper.requeue_all() == 1
        row = await server.jobs.row(claim.job)
        assert (row.state, row.attempt, row.lost) == ("queued", lost, lost)
        assert await server.jobs.claim() is not None
    await reaper.requeue_all()
    row = await server.jobs.row(claim.job)
    assert (row.state, row.reason_code, row.lost) == ("failed", "exhausted", 4)
    assert row.reason is not None
    assert "more memory" in row.reason["message"]


async def test_after_the_second_loss_a_job_waits_before_it_is_run_again(
    server: RunningServer,
) -> None:
    claim = await server.running()
    await server.reaper.requeue_all()
    assert await server.jobs.claim() is not None, "the first loss costs no time"
    await server.reaper.requeue_all()
    row = await server.jobs.row(claim.job)
    assert row.not_before > row.started


async def test_what_an_attempt_left_is_cleared_away_in_time(server: RunningServer) -> None:
    claim = await server.running()
    await server.store(claim, text="{")
    await server.silence()
    await server.reaper.sweep()
    prefix = f"{claim.owner}/"

    async def left() -> list[str]:
        return [facts.key async for facts in server.objects.walk(Bucket.DERIVED, prefix)]

    await server.cleanup.tidy()
    assert len(await left()) == 2, "its worker may still be writing"
    async with server.jobs.database.transaction() as session:
        due = server.jobs.database.now(offset=timedelta(seconds=-1))
        await session.execute(update(GarbageRow).values(due=due))
    await server.cleanup.tidy()
    assert await left() == []
    async with server.jobs.database.session() as session:
        assert list(await session.scalars(select(GarbageRow))) == []


async def test_an_upload_that_is_late_is_given_up(server: RunningServer) -> None:
    database = server.jobs.database
    key = f"{server.owner}/uploads/u/original"
    reference = await server.objects.start_upload(Bucket.ORIGINALS, key, media_type="audio/wav")
    async with database.transaction() as session:
        now = await database.time(session)
        for id_, hours in (("late", -1), ("open", 1)):
            session.add(
                UploadRow(
                    id=id_, owner=server.owner, state="open", name="x", size=1, sha256="0" * 64,
                    object_key=key if id_ == "late" else "else/where/original",
                    reference=reference, part_size=1, created=now,
                    expires=now + timedelta(hours=hours),
                )
            )  # fmt: skip
    await server.cleanup.tidy()
    await server.cleanup.tidy()  # What the first round found is cleared away by the second.
    async with database.session() as session:
        states = {row.id: row.state for row in await session.scalars(select(UploadRow))}
    assert states == {"late": "aborted", "open": "open"}
    assert [u.key async for u in server.objects.uploads(Bucket.ORIGINALS, "")] == []


async def test_objects_of_no_job_are_found_and_removed_after_a_day(server: RunningServer) -> None:
    known = await server.running()
    await server.store(known)
    stray = known.model_copy(update={"job": new_id()})
    await server.store(stray)
    assert await server.cleanup.clear_orphans() == 0, "a young one may be under way"
    server.clock.ahead = timedelta(hours=25)
    assert await server.cleanup.clear_orphans() == 1
    assert REGISTRY.get_sample_value("library_orphaned_prefixes") == 1
    await server.cleanup.tidy()
    left = [facts.key async for facts in server.objects.walk(Bucket.DERIVED, "")]
    assert len(left) == 2
    assert all(known.job in key for key in left)
    assert await server.cleanup.clear_orphans() == 0
    assert REGISTRY.get_sample_value("library_orphaned_prefixes") == 0


@pytest.mark.parametrize(
    ("column", "claimed"),
    [("schedule_to_start_deadline", False), ("schedule_to_close_deadline", True)],
)
async def test_a_job_that_nobody_takes_in_time_has_expired(
    server: RunningServer, column: str, claimed: bool
) -> None:
    job = (await server.jobs.create(server.owner, server.item, 1)).id
    if claimed:
        claim = await server.jobs.claim()
        assert claim is not None
        await server.jobs.release(claim)
    await server.reaper.sweep()
    assert (await server.jobs.row(job)).state == "queued"
    database = server.jobs.database
    async with database.transaction() as session:
        past = database.now(offset=timedelta(seconds=-1))
        await session.execute(update(JobRow).values({column: past}))
    await server.reaper.sweep()
    row = await server.jobs.row(job)
    assert (row.state, row.reason_code) == ("failed", "expired")
    assert row.reason is not None
    assert "worker for midi" in row.reason["message"]
    assert await server.jobs.claim() is None


async def test_a_job_that_overran_is_ended_though_its_worker_lives(server: RunningServer) -> None:
    claim = await server.running()
    database = server.jobs.database
    async with database.transaction() as session:
        late = database.now(offset=-server.jobs.policy.overrun - timedelta(seconds=1))
        await session.execute(update(JobRow).values(deadline=late))
    await server.reaper.sweep()
    row = await server.jobs.row(claim.job)
    assert (row.state, row.reason_code) == ("failed", "timeout")
    assert await server.jobs.complete(claim) is None


async def test_old_notes_are_forgotten_and_unsent_events_are_not(server: RunningServer) -> None:
    database = server.jobs.database
    await server.running()
    old = database.now(offset=timedelta(days=-20))
    async with database.transaction() as session:
        session.add(InboxRow(consumer="library", event="e", received=await database.time(session)))
    async with database.transaction() as session:
        await session.execute(update(InboxRow).values(received=old))
        await session.execute(update(EventRow).values(time=old))
        some = update(EventRow).where(col(EventRow.type) == "job.queued")
        await session.execute(some.values(published=old))
    await server.cleanup.tidy()
    async with database.session() as session:
        assert list(await session.scalars(select(InboxRow))) == []
        left = {row.type for row in await session.scalars(select(EventRow))}
    assert left == {"job.running", "midi.requested"}


# What workers say.


async def test_a_workers_event_counts_once(server: RunningServer) -> None:
    claim = await server.running()
    digest = await server.store(claim)
    completed = _event("job.completed", _completed(claim, digest))
    for _ in range(3):
        await server.handler(completed)
    row = await server.jobs.row(claim.job)
    assert (row.state, row.seq) == ("succeeded", 3)
    assert len(await server.artifacts()) == 1
    async with server.jobs.database.session() as session:
        assert len(list(await session.scalars(select(InboxRow)))) == 1


async def test_a_failure_delivered_twice_is_one_failure(server: RunningServer) -> None:
    claim = await server.running()
    failed = JobFailed(
        job=claim.job,
        epoch=claim.epoch,
        worker=WorkerId(new_id()),
        kind=FailureKind.CRASH,
        reason=Reason(code="crash", message="x"),
    )
    failed_event = _event("job.failed", failed)
    await server.handler(failed_event)
    await server.handler(failed_event)
    assert (await server.jobs.row(claim.job)).crashes == 1


async def test_a_stale_workers_result_changes_nothing(server: RunningServer) -> None:
    claim = await server.running()
    await server.silence()
    await server.reaper.sweep()
    again = await server.jobs.claim()
    assert again is not None
    await server.handler(_event("job.completed", _completed(claim, await server.store(claim))))
    row = await server.jobs.row(claim.job)
    assert (row.state, row.epoch) == ("running", 2)
    assert await server.artifacts() == []


async def test_a_manifest_that_was_changed_is_not_applied(server: RunningServer) -> None:
    claim = await server.running()
    await server.store(claim)
    with pytest.raises(NoManifest, match="not the one"):
        await server.handler(_event("job.completed", _completed(claim, "0" * 64)))
    assert (await server.jobs.row(claim.job)).state == "running"


async def test_an_inlined_manifest_is_not_fetched(server: RunningServer) -> None:
    claim = await server.running()
    manifest = Manifest(job=claim.job, epoch=claim.epoch, producer=PRODUCER, result={"n": 7})
    # Nothing is stored: whoever asked the store for it would find no manifest.
    completed = _completed(claim, "0" * 64).model_copy(update={"manifest": manifest})
    await server.handler(_event("job.completed", completed))
    row = await server.jobs.row(claim.job)
    assert (row.state, row.result) == ("succeeded", {"n": 7})


async def test_an_inlined_manifest_of_another_attempt_is_not_applied(
    server: RunningServer,
) -> None:
    claim = await server.running()
    for wrong in ({"job": new_id()}, {"epoch": claim.epoch + 1}):
        manifest = Manifest(job=claim.job, epoch=claim.epoch, producer=PRODUCER, result={})
        manifest = manifest.model_copy(update=wrong)
        completed = _completed(claim, "0" * 64).model_copy(update={"manifest": manifest})
        with pytest.raises(NoManifest, match="the inlined manifest belongs to"):
            await server.handler(_event("job.completed", completed))
    assert (await server.jobs.row(claim.job)).state == "running"


async def test_an_event_waits_while_the_database_is_unavailable(server: RunningServer) -> None:
    claim = await server.running()
    digest = await server.store(claim)
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", clock=SystemClock())
    handler = JobEvents(away, server.objects, policy=server.jobs.policy)
    with pytest.raises(RetryLater):
        await handler(_event("job.completed", _completed(claim, digest)))
    await away.close()


async def test_the_third_crash_is_a_dead_letter_for_operators(server: RunningServer) -> None:
    retry = RetryPolicy(initial_interval=timedelta())
    jobs = server.jobs.with_policy(replace(server.jobs.policy, retry=retry))
    handler = JobEvents(jobs.database, server.objects, policy=jobs.policy)
    await jobs.create(server.owner, server.item, 1)
    for _ in range(3):
        claim = await jobs.claim()
        assert claim is not None
        job = claim.job
        failed = JobFailed(
            job=claim.job,
            epoch=claim.epoch,
            worker=WorkerId(new_id()),
            kind=FailureKind.CRASH,
            reason=Reason(code="crash", message="x"),
            detail="SIGSEGV\nlast words",
        )
        await handler(_event("job.failed", failed))
    row = await jobs.row(job)
    assert (row.state, row.reason_code) == ("failed", "crash")
    async with jobs.database.session() as session:
        query = select(EventRow).where(col(EventRow.topic) == "dead.letters")
        letters = list(await session.scalars(query))
    assert [letter.data["detail"] for letter in letters] == ["SIGSEGV\nlast words"]


def test_the_handler_reads_for_the_librarys_group(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db", clock=SystemClock())
    objects = FileStore(tmp_path / "objects", signer=Signer("secret" * 8))
    consumer = JobEvents(database, objects, policy=Jobs(database).policy).consumer(RecordingBus())
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
