"""A database that is held by others for a while costs no word of a worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from contracts.ids import WorkerId
from contracts.jobs import FailureKind, JobFailed, JobReleased, JobSkipped, Reason
from contracts.topics import DEAD_LETTERS, JOBS_EVENTS
from kit.bus.memory import MemoryBus
from kit.clock import SystemClock, new_id
from kit.database.actors import SERVICE
from kit.database.engine import Database
from kit.objects.files import FileStore
from kit.objects.signing import Signer
from services.library.app import register_hooks
from services.library.completion.worker_events import JobEvents
from services.library.jobs.tables import JobRow
from tests.library.job_store import PRODUCER, Jobs
from tests.support.events import make_event

WAIT = 0.3
"""How long a statement, or a transaction's begin, waits here."""


@pytest.mark.parametrize("word", ["failed", "skipped", "released"])
async def test_a_worker_event_waits_for_a_locked_database(
    jobs: Jobs, library_url: str, tmp_path: Path, word: str
) -> None:
    owner, item = await jobs.owner()
    row = await jobs.create(owner, item, 1)
    claim = await jobs.claim()
    assert claim is not None
    who = {"job": claim.job, "epoch": claim.epoch, "worker": WorkerId(new_id())}
    reason = Reason(code="input", message="This is no sound.")
    data_by_type = {
        "failed": JobFailed(**who, kind=FailureKind.REJECTED, reason=reason),
        "skipped": JobSkipped(**who, producer=PRODUCER, reason=reason),
        "released": JobReleased(**who),
    }[word]
    impatient = Database(
        library_url,
        clock=SystemClock(),
        busy_timeout=WAIT,
        statement_timeout=WAIT,
        actor=SERVICE,
    )
    register_hooks(impatient, jobs.policy)
    objects = FileStore(tmp_path / "objects", signer=Signer("secret" * 8))
    handler, bus = JobEvents(impatient, objects, policy=jobs.policy), MemoryBus()
    await bus.start()
    await bus.ensure([JOBS_EVENTS, DEAD_LETTERS])
    stopping, tried = asyncio.Event(), asyncio.Semaphore(0)

    async def handled(event: object) -> None:
        try:
            await handler(event)  # type: ignore[arg-type]
        finally:
            tried.release()

    consumer = bus.consumer(JOBS_EVENTS, group="library", handler=handled)
    running = asyncio.create_task(consumer.run(stopping))
    async with _locked_job(jobs.database, row.id):
        await bus.publish(JOBS_EVENTS, make_event(f"job.{word}", data_by_type), key=claim.job)
        for _ in range(4):  # One more than the tries after which a record is given up.
            await tried.acquire()
    await tried.acquire()
    stopping.set()
    await running
    state = {"released": "queued"}.get(word, word)
    assert (await jobs.row(row.id)).state == state
    assert bus.records(DEAD_LETTERS.name) == ()
    await impatient.close()
    await objects.close()


@asynccontextmanager
async def _locked_job(database: Database, job: str) -> AsyncIterator[None]:
    """Hold a job's row; on SQLite that is to write, which one at a time can."""
    async with database.transaction() as session:
        await session.scalars(select(JobRow).where(col(JobRow.id) == job).with_for_update())
        yield
