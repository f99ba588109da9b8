"""What must be true of the library at any time, as gauges that stay at 0 (R27), and its queues."""

import random
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import and_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.jobs import JobState, TaskName
from contracts.objects import Bucket
from contracts.topics import LIBRARY_EVENTS
from kit.database.engine import Database
from kit.objects.base import ObjectStore
from services.library.policy import Policy
from services.library.tables import ArtifactRow, EventRow, JobRow, UploadRow

JOBS = Gauge("library_jobs", "Jobs that wait or run.", ("task", "state"))
SILENT = Gauge("library_silent_jobs", "Running jobs whose lease ended two leases ago: 0.")
UNTOLD = Gauge("library_untold_endings", "Jobs that ended today without an event of it: 0.")
UNSENT = Gauge("library_unsent_events", "Events that wait for the relay for a minute: 0.")
DAMAGED = Gauge("library_damaged_artifacts", "Files missing or changed in the last sample: 0.")
ABANDONED = Gauge("library_abandoned_uploads", "Multipart uploads older than a day: 0.")
ORPHANS = Gauge("library_orphaned_prefixes", "Prefixes of no job in the last daily look: 0.")

SAMPLE = 2
"""Artifacts whose bytes are read and compared at each look."""
DAY = timedelta(days=1)
UNSENT_AFTER = timedelta(minutes=1)


class Gauges:
    """Measures the library's invariants."""

    def __init__(self, database: Database, objects: ObjectStore, *, policy: Policy) -> None:
        self._database = database
        self._objects = objects
        self._policy = policy

    async def measure(self) -> None:
        """Look once."""
        now = self._database.now
        async with self._database.session() as session:
            await self._queues(session)
            silent = and_(
                col(JobRow.state) == JobState.RUNNING,
                col(JobRow.lease_until) < now(offset=-2 * self._policy.lease),
            )
            SILENT.set(await _count(session, JobRow.id, silent))
            told = select(col(EventRow.job)).where(
                col(EventRow.topic) == LIBRARY_EVENTS.name,
                col(EventRow.type) == literal("job.") + col(JobRow.state),
                col(EventRow.job) == col(JobRow.id),
            )
            untold = and_(
                col(JobRow.finished) > now(offset=-DAY),
                col(JobRow.state).not_in((JobState.QUEUED, JobState.RUNNING)),
                ~told.exists(),
            )
            UNTOLD.set(await _count(session, JobRow.id, untold))
            unsent = and_(
                col(EventRow.published).is_(None), col(EventRow.time) < now(offset=-UNSENT_AFTER)
            )
            UNSENT.set(await _count(session, EventRow.seq, unsent))
            uploads = and_(
                col(UploadRow.state) == "open", col(UploadRow.created) < now(offset=-2 * DAY)
            )
            ABANDONED.set(await _count(session, UploadRow.id, uploads))
            sample = await self._sample(session)
        DAMAGED.set(sum([not await self._intact(artifact) for artifact in sample]))

    async def _queues(self, session: AsyncSession) -> None:
        live = (JobState.QUEUED, JobState.RUNNING)
        query = (
            select(col(JobRow.task), col(JobRow.state), func.count())
            .where(col(JobRow.state).in_(live))
            .group_by(col(JobRow.task), col(JobRow.state))
        )
        counts = {(task, state): n for task, state, n in await session.execute(query)}
        for task in TaskName:
            for state in live:
                JOBS.labels(task, state).set(counts.get((task.value, state.value), 0))

    async def _sample(self, session: AsyncSession) -> list[ArtifactRow]:
        """Return a few artifacts from a random time on."""
        created = col(ArtifactRow.created)
        span: Any = (await session.execute(select(func.min(created), func.max(created)))).one()
        first: datetime | None = span[0]
        if first is None:
            return []
        since = first + (span[1] - first) * random.random()
        query = select(ArtifactRow).where(created >= since).order_by(created).limit(SAMPLE)
        return list(await session.scalars(query))

    async def _intact(self, artifact: ArtifactRow) -> bool:
        bucket = Bucket(artifact.bucket)
        found = await self._objects.head(bucket, artifact.object_key)
        if found is None or found.size != artifact.size:
            # It may have been deleted since the sample was taken; then nobody misses it.
            async with self._database.session() as session:
                still = select(col(ArtifactRow.id)).where(col(ArtifactRow.id) == artifact.id)
                return (await session.execute(still)).scalar_one_or_none() is None
        return await self._objects.digest(bucket, artifact.object_key) == artifact.sha256


async def _count(session: AsyncSession, column: object, where: Any) -> int:
    query = select(func.count(column)).where(where)  # type: ignore[arg-type]
    return (await session.execute(query)).scalar_one()
