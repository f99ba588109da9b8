"""Cleanup: what nothing needs any more is removed, and what went wrong is measured."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select
from sqlmodel import col

from contracts.objects import Bucket
from kit.clock import Clock
from kit.database.engine import Database
from kit.objects.base import ObjectError, ObjectStore
from services.library.background import repeat, until
from services.library.estimates.run_times import measure_run_times
from services.library.events.tables import EventRow, InboxRow
from services.library.idempotency import IdempotencyRow
from services.library.jobs.policy import Policy
from services.library.jobs.tables import GarbageRow, WorkerRow
from services.library.jobs.transitions import discard
from services.library.maintenance.counters import CounterCheck
from services.library.maintenance.gauges import ORPHANS, Gauges
from services.library.maintenance.orphans import (
    abort_unknown,
    find_orphans,
    give_up_late,
    give_up_oversized,
    remove,
)
from services.library.metadata import Table
from services.library.search.documents import delete_removed
from services.library.similarity.sound_vectors import SoundVectors
from services.library.webhooks.removal import remove_deleted_webhooks
from services.library.webhooks.tables import WebhookDeliveryRow

log = logging.getLogger(__name__)

TIDY_EVERY = timedelta(minutes=1)
UPLOADS_EVERY = timedelta(minutes=10)
ORPHANS_EVERY = timedelta(days=1)
INBOX_KEPT = timedelta(days=15)
"""Longer than `jobs.events` keeps what could be delivered again."""
IDEMPOTENCY_KEPT = timedelta(hours=24)
WORKERS_KEPT = timedelta(days=1)
"""How long a worker that is gone is shown."""
AT_ONCE = 1000
"""Rows removed by one statement."""


class Cleanup:
    """Removes rows, objects and uploads that are no longer needed, and measures the gauges."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        *,
        policy: Policy,
        feed_retention: timedelta,
        vectors: SoundVectors,
        clock: Clock,
    ) -> None:
        self._database = database
        self._objects = objects
        self._feed_retention = feed_retention
        self._vectors = vectors
        self._clock = clock
        self._gauges = Gauges(database, objects, policy=policy)
        self._counters = CounterCheck(database)

    async def run(self, stopping: asyncio.Event) -> None:
        """Clean up until `stopping` is set."""
        await until(
            stopping,
            repeat(self.tidy, every=TIDY_EVERY, clock=self._clock),
            repeat(self.check_uploads, every=UPLOADS_EVERY, clock=self._clock),
            repeat(self.clear_orphans, every=ORPHANS_EVERY, clock=self._clock),
            repeat(self._vectors.clean_up, every=ORPHANS_EVERY, clock=self._clock),
            self._gauges.watch(self._clock),
        )

    async def tidy(self) -> None:
        """Remove garbage, late uploads and old rows, and check the counters of storage."""
        await self._remove_garbage()
        await give_up_late(self._database)
        await self._forget()
        await delete_removed(self._database)
        await remove_deleted_webhooks(self._database)
        await measure_run_times(self._database)
        await self._counters.compare()

    async def check_uploads(self) -> None:
        """Abort uploads that hold more bytes than announced, and those without a row."""
        await give_up_oversized(self._database, self._objects)
        await abort_unknown(self._database, self._objects, clock=self._clock)

    async def clear_orphans(self) -> int:
        """Schedule the removal of objects that belong to no job; return of how many attempts."""
        count = 0
        async for prefix in find_orphans(self._database, self._objects, clock=self._clock):
            log.warning("%s belongs to no job and will be removed", prefix)
            async with self._database.transaction() as session:
                await discard(session, Bucket.DERIVED, prefix)
            count += 1
        ORPHANS.set(count)
        return count

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
        events = and_(col(EventRow.time) < now(offset=-self._feed_retention), published)
        inbox = col(InboxRow.received) < now(offset=-INBOX_KEPT)
        answers = col(IdempotencyRow.created) < now(offset=-IDEMPOTENCY_KEPT)
        workers = col(WorkerRow.last_seen) < now(offset=-WORKERS_KEPT)
        deliveries = col(WebhookDeliveryRow.created) < now(offset=-self._feed_retention)
        old: tuple[tuple[type[Table], Any, ColumnElement[bool]], ...] = (
            (EventRow, col(EventRow.seq), events),
            (InboxRow, col(InboxRow.event), inbox),
            (IdempotencyRow, col(IdempotencyRow.key), answers),
            (WorkerRow, col(WorkerRow.id), workers),
            (WebhookDeliveryRow, col(WebhookDeliveryRow.id), deliveries),
        )
        for table, key, past in old:
            some = select(key).where(past).limit(AT_ONCE)
            statement = delete(table).where(past, key.in_(some)).returning(key)
            removed = AT_ONCE
            while removed >= AT_ONCE:
                async with self._database.transaction() as session:
                    removed = len((await session.execute(statement)).all())
