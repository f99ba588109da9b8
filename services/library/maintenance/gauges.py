"""What must be true of the library at any time, as gauges that stay at 0 (R27), and its queues.

One library of a server measures. What the others show, and what cannot be measured now, is not a
number: a gauge that stood still would look as if all were well.
"""

import logging
import math
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from prometheus_client import Counter, Gauge
from sqlalchemy import Select, and_, func, literal, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from contracts.jobs import JobState, TaskName
from contracts.objects import Bucket
from contracts.topics import LIBRARY_EVENTS
from contracts.uploads import UploadState
from kit.clock import Clock
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.objects.base import ObjectError, ObjectStore
from services.library.catalogue.tables import ArtifactRow, UploadRow
from services.library.events.tables import EventRow
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow, in_state

log = logging.getLogger(__name__)

JOBS = Gauge("library_jobs", "Jobs that wait or run.", ("task", "state"))
SILENT = Gauge("library_silent_jobs", "Running jobs whose lease ended two leases ago: 0.")
UNTOLD = Gauge("library_untold_endings", "Jobs of the last hour that ended without an event: 0.")
UNSENT = Gauge("library_unsent_events", "Events that wait for the relay for a minute: 0.")
DAMAGED = Gauge("library_damaged_artifacts", "Files missing or changed in the last sample: 0.")
ABANDONED = Gauge("library_abandoned_uploads", "Multipart uploads older than a day: 0.")
ORPHANS = Gauge("library_orphaned_prefixes", "Prefixes of no job in the last daily look: 0.")
ERRORS = Counter(
    "library_gauge_errors_total", "Gauges that could not be measured, and are NaN.", ("gauge",)
)

EVERY = timedelta(minutes=1)
SAMPLE = 8
"""Artifacts of which existence and size are asked at each look."""
READ_BYTES = 4 << 20
"""By so much grows, at each look, what may be read to compare digests: 6 GB a day."""
SAVED_BYTES = 512 << 20
"""So much of it is saved up for larger files; what is larger still is never read whole."""
ENDED_WITHIN = timedelta(hours=1)
UNSENT_AFTER = timedelta(minutes=1)
ABANDONED_AFTER = timedelta(days=2)
MAX_COUNTED = 10_000
"""Rows of one kind that are counted: from there on it is as bad as can be."""
_LIVE = (JobState.QUEUED, JobState.RUNNING)


class Gauges:
    """Measures the library's invariants."""

    def __init__(self, database: Database, objects: ObjectStore, *, policy: Policy) -> None:
        self._database = database
        self._objects = objects
        self._policy = policy
        self._saved = 0
        self._measures: dict[Gauge, tuple[str, Callable[[], Awaitable[int]]]] = {
            SILENT: ("silent_jobs", lambda: self._count(self.silent())),
            UNTOLD: ("untold_endings", lambda: self._count(self.untold())),
            UNSENT: ("unsent_events", lambda: self._count(self.unsent())),
            ABANDONED: ("abandoned_uploads", lambda: self._count(self.abandoned())),
            DAMAGED: ("damaged_artifacts", self._damaged),
        }

    async def watch(self, clock: Clock) -> None:
        """Measure again and again, while no other library of the server does."""
        self._forget()
        while True:
            try:
                async with self._database.leadership("gauges") as lead:
                    while True:
                        await lead.confirm()
                        await self.measure()
                        await clock.sleep(EVERY.total_seconds())
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.warning("nothing is measured for now: %s", error)
                await clock.sleep(EVERY.total_seconds())
            finally:
                self._forget()

    async def measure(self) -> None:
        """Look once."""
        self._saved = min(self._saved + READ_BYTES, SAVED_BYTES)
        try:
            await self._queues()
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            _failed("jobs", error)
            self._show_queues({})
        for gauge, (name, measured) in self._measures.items():
            try:
                gauge.set(await measured())
            except (DatabaseUnavailable, ObjectError, SQLAlchemyError) as error:
                _failed(name, error)
                gauge.set(math.nan)

    def _forget(self) -> None:
        for gauge in self._measures:
            gauge.set(math.nan)
        self._show_queues({})

    async def _queues(self) -> None:
        counts: dict[tuple[str, str], float] = {}
        async with self._database.session() as session:
            for state in _LIVE:
                for task, count in await session.execute(waiting(state)):
                    counts[task, state.value] = count
        self._show_queues(counts, absent=0.0)

    def _show_queues(
        self, counts: dict[tuple[str, str], float], *, absent: float = math.nan
    ) -> None:
        for task in TaskName:
            for state in _LIVE:
                JOBS.labels(task, state).set(counts.get((task.value, state.value), absent))

    def silent(self) -> Select[str]:
        """Return the query of running jobs that nobody was heard of for long."""
        late = self._database.now(offset=-2 * self._policy.lease)
        return select(col(JobRow.id)).where(
            in_state(JobState.RUNNING), col(JobRow.lease_until) < late
        )

    def untold(self) -> Select[str]:
        """Return the query of jobs that ended lately, of whose end no event was written.

        Both times are of one transaction; a minute more is left for clocks that are set.
        """
        now = self._database.now
        ended = (
            select(col(JobRow.id), col(JobRow.state))
            .where(col(JobRow.finished) > now(offset=-ENDED_WITHIN))
            .subquery()
        )
        emitted = (
            select(col(EventRow.job), col(EventRow.type))
            .where(
                col(EventRow.topic) == LIBRARY_EVENTS.name,
                col(EventRow.time) > now(offset=-ENDED_WITHIN - timedelta(minutes=1)),
            )
            .subquery()
        )
        of_it = and_(emitted.c.job == ended.c.id, emitted.c.type == literal("job.") + ended.c.state)
        return (
            select(ended.c.id)
            .select_from(ended.outerjoin(emitted, of_it))
            .where(emitted.c.job.is_(None))
        )

    def unsent(self) -> Select[Any]:
        """Return the query of events that the relay should have published by now."""
        return select(col(EventRow.seq)).where(
            col(EventRow.published).is_(None),
            col(EventRow.time) < self._database.now(offset=-UNSENT_AFTER),
        )

    def abandoned(self) -> Select[str]:
        """Return the query of uploads that should have been given up by now."""
        return select(col(UploadRow.id)).where(
            col(UploadRow.state) == UploadState.OPEN,
            col(UploadRow.created) < self._database.now(offset=-ABANDONED_AFTER),
        )

    async def _count(self, query: Select[Any]) -> int:
        some = query.limit(MAX_COUNTED).subquery()
        async with self._database.session() as session:
            counted = select(func.count()).select_from(some)
            return (await session.execute(counted)).scalar_one()

    async def _damaged(self) -> int:
        return sum([not await self._intact(artifact) for artifact in await self.sample()])

    async def sample(self) -> list[ArtifactRow]:
        """Return a few artifacts from a random id on: ids grow with time, so from any day."""
        id_ = col(ArtifactRow.id)
        ends = select(
            select(func.min(id_)).scalar_subquery(), select(func.max(id_)).scalar_subquery()
        )
        async with self._database.session() as session:
            first, last = (await session.execute(ends)).one()
            if first is None:
                return []
            since = UUID(int=random.randint(UUID(first).int, UUID(last).int))
            query = select(ArtifactRow).where(id_ >= str(since)).order_by(id_).limit(SAMPLE)
            return list(await session.scalars(query))

    async def _intact(self, artifact: ArtifactRow) -> bool:
        bucket = Bucket(artifact.bucket)
        facts = await self._objects.head(bucket, artifact.object_key)
        if facts is None or facts.size != artifact.size:
            # It may have been deleted since the sample was taken; then nobody misses it.
            async with self._database.session() as session:
                still = select(col(ArtifactRow.id)).where(col(ArtifactRow.id) == artifact.id)
                return (await session.execute(still)).scalar_one_or_none() is None
        if artifact.size > self._saved:
            return True
        self._saved -= artifact.size
        return await self._objects.digest(bucket, artifact.object_key) == artifact.sha256


def waiting(state: JobState) -> Select[str, int]:
    """Return the query of how many jobs are in a state that does not last, by task."""
    return select(col(JobRow.task), func.count()).where(in_state(state)).group_by(col(JobRow.task))


def _failed(name: str, error: Exception) -> None:
    ERRORS.labels(name).inc()
    log.warning("%s could not be measured: %s", name, error)
