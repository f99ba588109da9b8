"""The reaper: gives silent workers' jobs to others, ends what is late, and clears away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.jobs import JobState
from contracts.objects import Bucket
from kit.bus.base import Consumer
from kit.clock import Clock
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.objects.base import ObjectError, ObjectStore
from services.library.background import until
from services.library.catalogue.usage import CounterCheck
from services.library.completion import results
from services.library.completion.effects import RoomGone
from services.library.completion.results import NoManifest
from services.library.events.tables import EventRow, InboxRow
from services.library.idempotency import IdempotencyRow
from services.library.jobs import outcomes
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.tables import GarbageRow, JobRow
from services.library.jobs.transitions import discard
from services.library.maintenance.gauges import ORPHANS, Gauges
from services.library.maintenance.orphans import (
    abort_unknown,
    find_orphans,
    give_up_late,
    give_up_oversized,
    remove,
)
from services.library.metadata import Table

log = logging.getLogger(__name__)

TIDY_EVERY = timedelta(minutes=1)
UPLOADS_EVERY = timedelta(minutes=10)
ORPHANS_EVERY = timedelta(days=1)
FEED_KEPT = timedelta(days=7)
INBOX_KEPT = timedelta(days=15)
"""Longer than `jobs.events` keeps what could be delivered again."""
IDEMPOTENCY_KEPT = timedelta(hours=24)
AT_ONCE = 1000
"""Rows removed by one statement."""


class Reaper:
    """Sweeps the job table and clears away what nothing needs any more."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        *,
        policy: Policy,
        clock: Clock,
        results_read: asyncio.Event,
    ) -> None:
        self._database = database
        self._objects = objects
        self._policy = policy
        self._clock = clock
        self._results_read = results_read
        """Set once everything that workers said before this start was applied."""
        self._gauges = Gauges(database, objects, policy=policy)
        self._counters = CounterCheck(database)

    @classmethod
    def following(
        cls,
        consumer: Consumer,
        database: Database,
        objects: ObjectStore,
        *,
        policy: Policy,
        clock: Clock,
    ) -> "Reaper":
        """Return a reaper that waits until a consumer of workers' events has caught up."""
        return cls(database, objects, policy=policy, clock=clock, results_read=consumer.caught_up)

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep and tidy until `stopping` is set."""
        await until(
            stopping,
            self._sweeping(),
            self._every(TIDY_EVERY, self.tidy),
            self._every(UPLOADS_EVERY, self.look_at_uploads),
            self._every(ORPHANS_EVERY, self.clear_orphans),
            self._gauges.watch(self._clock),
        )

    async def requeue_all(self) -> int:
        """Put every running job back in the line: for a start that no worker can have outlived.

        Each counts as lost: a job that takes the process down is not run for ever.

        What an attempt had stored in full by then is taken as its result instead.
        """
        query = select(JobRow).where(col(JobRow.state) == JobState.RUNNING)
        async with self._database.session() as session:
            rows = list(await session.scalars(query))
        for row in rows:
            if not await self._completed(row):
                await self._resolve(row, self._requeue)
        if rows:
            log.info("%d jobs of an earlier start go on", len(rows))
        return len(rows)

    async def _requeue(self, session: AsyncSession, row: JobRow) -> JobRow | None:
        return await outcomes.requeue(session, row.id, row.epoch, policy=self._policy)

    async def sweep(self) -> int:
        """Do what is due of leases, deadlines and waiting times; return for how many jobs."""
        async with self._database.session() as session:
            rows = await outcomes.overdue(session, policy=self._policy)
        for row in rows:
            if row.state == JobState.QUEUED or not await self._completed(row):
                await self._resolve(row, partial(outcomes.resolve_overdue, policy=self._policy))
        return len(rows)

    async def _resolve(
        self, row: JobRow, end: Callable[[AsyncSession, JobRow], Awaitable[JobRow | None]]
    ) -> None:
        try:
            async with self._database.transaction() as session:
                await hold_owner(session, row.owner)
                after = await end(session, row)
                if after is None:
                    return
                log.warning("job %s, epoch %d, is %s now", after.id, row.epoch, after.state)
        except (SQLAlchemyError, ValueError):
            # One job that cannot be resolved must not keep the others waiting.
            log.exception("job %s, epoch %d, stays as it is for now", row.id, row.epoch)

    async def tidy(self) -> None:
        """Remove what is of no use any more."""
        await self._remove_garbage()
        await give_up_late(self._database)
        await self._forget()
        await self._counters.compare()

    async def look_at_uploads(self) -> None:
        """Give up uploads that hold more than was announced, or that nothing here knows of."""
        await give_up_oversized(self._database, self._objects)
        await abort_unknown(self._database, self._objects, clock=self._clock)

    async def clear_orphans(self) -> int:
        """Find objects that belong to no job, have them removed; return of how many attempts."""
        count = 0
        async for prefix in find_orphans(self._database, self._objects, clock=self._clock):
            log.warning("%s belongs to no job and will be removed", prefix)
            async with self._database.transaction() as session:
                await discard(session, Bucket.DERIVED, prefix)
            count += 1
        ORPHANS.set(count)
        return count

    async def _sweeping(self) -> None:
        # A library that was away heard no heartbeats: nobody is silent before a whole lease has
        # passed, and before what workers have said meanwhile was applied (R12).
        await self._clock.sleep(self._policy.lease.total_seconds())
        await self._results_read.wait()
        await self._every(self._policy.sweep, self.sweep)

    async def _every(self, pause: timedelta, act: Callable[[], Awaitable[Any]]) -> None:
        while True:
            try:
                await act()
            except (DatabaseUnavailable, ObjectError) as error:
                log.warning("the reaper waits: %s", error)
            except SQLAlchemyError:
                log.exception("the reaper could not do all of it")
            await self._clock.sleep(pause.total_seconds())

    async def _completed(self, row: JobRow) -> bool:
        """Complete a job whose worker stored everything but was not heard (R15)."""
        try:
            manifest = await results.read_manifest(self._objects, row, row.epoch)
            async with self._database.transaction() as session:
                await hold_owner(session, row.owner)
                return await results.apply(session, manifest, policy=self._policy) is not None
        except NoManifest:
            return False
        except RoomGone:
            return await self._completed(row)
        except (SQLAlchemyError, ValueError):
            # One result that cannot be applied must not keep the others waiting: it is done again.
            log.exception("the manifest of job %s, epoch %d, is of no use", row.id, row.epoch)
            return False

    async def _remove_garbage(self) -> None:
        query = (
            select(GarbageRow)
            .where(col(GarbageRow.due) < self._database.now())
            .order_by(col(GarbageRow.due))
            .limit(100)
        )
        async with self._database.session() as session:
            rows = list(await session.scalars(query))
        done = []
        for row in rows:
            bucket = Bucket(row.bucket)
            try:
                if row.prefix.endswith("/"):
                    await self._objects.delete_prefix(bucket, row.prefix)
                else:
                    await remove(self._objects, bucket, row.prefix)
            except ObjectError as error:
                log.warning("%s/%s stays for now: %s", bucket, row.prefix, error)
                break
            done.append(row.id)
        if done:
            async with self._database.transaction() as session:
                await session.execute(delete(GarbageRow).where(col(GarbageRow.id).in_(done)))

    async def _forget(self) -> None:
        now = self._database.now
        published = col(EventRow.published).is_not(None)
        events = and_(col(EventRow.time) < now(offset=-FEED_KEPT), published)
        inbox = col(InboxRow.received) < now(offset=-INBOX_KEPT)
        answers = col(IdempotencyRow.created) < now(offset=-IDEMPOTENCY_KEPT)
        old: tuple[tuple[type[Table], Any, ColumnElement[bool]], ...] = (
            (EventRow, col(EventRow.seq), events),
            (InboxRow, col(InboxRow.event), inbox),
            (IdempotencyRow, col(IdempotencyRow.key), answers),
        )
        for table, key, past in old:
            some = select(key).where(past).limit(AT_ONCE)
            statement = delete(table).where(past, key.in_(some)).returning(key)
            removed = AT_ONCE
            while removed >= AT_ONCE:
                async with self._database.transaction() as session:
                    removed = len((await session.execute(statement)).all())
