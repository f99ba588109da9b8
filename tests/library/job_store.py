"""A job store on either database, for tests that run many things at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import func, select
from sqlmodel import col

from contracts.ids import ItemId, JobId, OwnerId, WorkerId
from contracts.jobs import (
    Claim,
    ClaimRequest,
    FailureKind,
    JobFailed,
    Priority,
    Producer,
    Reason,
    TaskName,
)
from contracts.subjects import Subject
from kit.clock import Clock, SystemClock, new_id
from kit.database.actors import SERVICE
from kit.database.engine import Database
from services.library.catalogue.item_facts import ITEM_SUBJECTS
from services.library.catalogue.tables import ItemRow
from services.library.jobs import claims, outcomes, submission
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow
from services.library.tables import METADATA
from tests.support.timeouts import HANG_TIMEOUT

PRODUCER = Producer(engine="test", version="1", fingerprint="0" * 64)
TASK = TaskName.MIDI


@dataclass
class Jobs:
    """The job store with each call in a transaction of its own."""

    database: Database
    policy: Policy = field(default_factory=Policy)

    def with_policy(self, policy: Policy) -> "Jobs":
        return replace(self, policy=policy)

    async def owner(self) -> tuple[OwnerId, ItemId]:
        """Make an owner with one item."""
        owner, item = OwnerId(new_id()), ItemId(new_id())
        async with self.database.transaction() as session:
            now = await self.database.time(session)
            session.add(
                ItemRow(
                    id=item, owner=owner, kind="track", state="ready", name="x",
                    created=now, updated=now,
                )
            )  # fmt: skip
        return owner, item

    async def create(
        self,
        owner: OwnerId,
        item: ItemId,
        number: int,
        *,
        priority: Priority = Priority.INTERACTIVE,
        long: bool = False,
        force: bool = False,
    ) -> JobRow:
        new = submission.NewJob(
            subject=Subject.of_item(item),
            task=TASK,
            params={"n": number},
            inputs=(),
            start_to_close_timeout=60.0,
            priority=priority,
            long=long,
            force=force,
        )
        async with self.database.transaction() as session:
            row, _ = await submission.create(session, owner, new, policy=self.policy)
        return row

    async def create_many(
        self,
        owner: OwnerId,
        item: ItemId,
        numbers: range,
        *,
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[str]:
        """Create many jobs in one transaction, which is quicker."""
        ids = []
        async with self.database.transaction() as session:
            for number in numbers:
                new = submission.NewJob(
                    subject=Subject.of_item(item),
                    task=TASK,
                    params={"n": number},
                    inputs=(),
                    start_to_close_timeout=60.0,
                    priority=priority,
                    force=True,
                )
                row, _ = await submission.create(session, owner, new, policy=self.policy)
                ids.append(row.id)
        return ids

    async def claim(self, worker: WorkerId | None = None) -> Claim | None:
        request = ClaimRequest(task=TASK, worker=worker or WorkerId(new_id()), producer=PRODUCER)
        async with self.database.transaction() as session:
            claimed = await claims.claim(
                session, request, policy=self.policy, subjects=ITEM_SUBJECTS
            )
        return claimed[0] if claimed else None

    async def claim_many(self, max_jobs: int, *, max_long_jobs: int) -> tuple[Claim, ...]:
        """Claim as a worker that has room for so many jobs, and for so many long ones of them."""
        request = ClaimRequest(
            task=TASK,
            worker=WorkerId(new_id()),
            producer=PRODUCER,
            max_jobs=max_jobs,
            max_long_jobs=max_long_jobs,
        )
        async with self.database.transaction() as session:
            return await claims.claim(session, request, policy=self.policy, subjects=ITEM_SUBJECTS)

    async def complete(self, claim: Claim) -> JobRow | None:
        async with self.database.transaction() as session:
            return await outcomes.complete(
                session, claim.job, claim.epoch, producer=PRODUCER, result={}
            )

    async def fail(self, claim: Claim, kind: FailureKind) -> JobRow | None:
        failed = JobFailed(
            job=claim.job,
            epoch=claim.epoch,
            worker=WorkerId(new_id()),
            kind=kind,
            reason=Reason(code="reported", message="as the worker reported"),
        )
        async with self.database.transaction() as session:
            return await outcomes.fail(session, failed, policy=self.policy)

    async def release(self, claim: Claim) -> JobRow | None:
        async with self.database.transaction() as session:
            return await outcomes.release(session, claim.job, claim.epoch)

    async def cancel(self, owner: OwnerId, job: JobId) -> JobRow | None:
        async with self.database.transaction() as session:
            return await submission.cancel(session, owner, job)

    async def row(self, job: str) -> JobRow:
        async with self.database.session() as session:
            return (await session.scalars(select(JobRow).where(col(JobRow.id) == job))).one()

    async def count(self, state: str) -> int:
        query = select(func.count()).select_from(JobRow).where(col(JobRow.state) == state)
        async with self.database.session() as session:
            return (await session.execute(query)).scalar_one()

    async def age(self, by: timedelta) -> None:
        """Make every waiting job as old as if it had been sent so much earlier."""
        async with self.database.transaction() as session:
            query = select(JobRow).where(col(JobRow.state) == "queued")
            for row in await session.scalars(query):
                row.queued -= by


@asynccontextmanager
async def open_jobs(url: str, *, clock: Clock | None = None) -> AsyncIterator[Jobs]:
    database = Database(
        url,
        clock=clock or SystemClock(),
        statement_timeout=HANG_TIMEOUT,
        busy_timeout=HANG_TIMEOUT,
        actor=SERVICE,
    )
    try:
        await database.run_sync(METADATA.create_all)
        yield Jobs(database)
    finally:
        await database.close()
