"""The reaper: requeues the jobs of silent workers, and ends overdue ones."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.jobs import JobState
from kit.bus.base import Consumer
from kit.clock import Clock
from kit.database.engine import Database
from kit.objects.base import ObjectStore
from services.library.background import repeat, until
from services.library.completion import results
from services.library.completion.effects import RoomGone
from services.library.completion.results import NoManifest
from services.library.jobs import outcomes
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow

log = logging.getLogger(__name__)


class Reaper:
    """Sweeps the job table."""

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
        """Set once every event that workers sent before this start was applied."""

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
        """Sweep until `stopping` is set."""
        await until(stopping, self._sweeping())

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

    async def _sweeping(self) -> None:
        # A library that was away heard no heartbeats: nobody is silent before a whole lease has
        # passed, and before what workers have said meanwhile was applied (R12).
        await self._clock.sleep(self._policy.lease.total_seconds())
        await self._results_read.wait()
        await repeat(self.sweep, every=self._policy.sweep, clock=self._clock)

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
