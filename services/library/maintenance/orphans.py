"""What lies in the store and should not: objects of no job, uploads that are late, too large, or
not known (R27, S15)."""

import logging
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

from sqlalchemy import select
from sqlmodel import col

from contracts.objects import Bucket, parse_derived
from contracts.uploads import UploadState
from kit.clock import Clock
from kit.database.engine import Database
from kit.objects.base import ObjectStore, UploadFacts, UploadMissing
from services.library.catalogue.tables import OPENING, ArtifactRow, UploadRow
from services.library.catalogue.uploads import give_up
from services.library.jobs.tables import JobRow

log = logging.getLogger(__name__)

OLDER_THAN = timedelta(hours=24)
"""A younger one may be under way."""
AT_ONCE = 500


async def find_orphans(
    database: Database, objects: ObjectStore, *, clock: Clock
) -> AsyncIterator[str]:
    """Yield the prefix of every attempt that holds old objects though nothing knows of its job.

    An object whose key has no shape known here is left alone, whoever wrote it.
    """
    before = clock.now() - OLDER_THAN
    prefixes: dict[str, str] = {}
    unknown, example = 0, ""
    async for facts in objects.walk(Bucket.DERIVED, ""):
        if facts.modified >= before:
            continue
        if (key := parse_derived(facts.key)) is None:
            unknown, example = unknown + 1, facts.key
            continue
        prefixes[key.attempt] = key.job
        if len(prefixes) >= AT_ONCE:
            for orphan in await _unknown(database, prefixes):
                yield orphan
            prefixes = {}
    for orphan in await _unknown(database, prefixes):
        yield orphan
    if unknown:
        log.warning("%d objects are left alone, their keys are unknown: %s", unknown, example)


async def _unknown(database: Database, prefixes: dict[str, str]) -> Iterable[str]:
    jobs = set(prefixes.values())
    kept: set[str | None] = set()
    async with database.session() as session:
        for column in (col(JobRow.id), col(ArtifactRow.job)):
            kept |= set(await session.scalars(select(column).where(column.in_(jobs))))
    return [prefix for prefix, job in prefixes.items() if job not in kept]


async def remove(objects: ObjectStore, bucket: Bucket, key: str) -> None:
    """Remove one object and the multipart uploads of its key."""
    await objects.delete(bucket, [key])
    # Listed by the whole key: some stores list uploads in no other way.
    for upload in [facts async for facts in objects.uploads(bucket, key)]:
        if upload.key == key:
            await objects.abort_upload(bucket, key, upload.reference)


async def give_up_late(database: Database) -> None:
    """Drop uploads that were not completed, or not even opened, in their time (S15)."""
    query = (
        select(col(UploadRow.id))
        .where(col(UploadRow.state).in_((OPENING, UploadState.OPEN)))
        .where(col(UploadRow.expires) < database.now())
        .limit(100)
    )
    async with database.session() as session:
        late = list(await session.scalars(query))
    for id_ in late:
        await _give_up(database, id_)


async def give_up_oversized(database: Database, objects: ObjectStore) -> int:
    """Drop open uploads of which more lies in the store than was announced; return how many.

    Signed URLs take a part of its size only; this holds too where a store does not check that.
    """
    after, count = "", 0
    while True:
        query = (
            select(UploadRow)
            .where(col(UploadRow.state) == UploadState.OPEN, col(UploadRow.id) > after)
            .order_by(col(UploadRow.id))
            .limit(AT_ONCE)
        )
        async with database.session() as session:
            rows = list(await session.scalars(query))
        for row in rows:
            try:
                parts = await objects.parts(Bucket.ORIGINALS, row.object_key, row.reference)
            except UploadMissing:
                continue
            if (lies := sum(part.size for part in parts)) > row.size:
                log.warning(
                    "upload %s holds %d bytes of %d announced: dropped", row.id, lies, row.size
                )
                await _give_up(database, row.id)
                count += 1
        if len(rows) < AT_ONCE:
            return count
        after = rows[-1].id


async def abort_unknown(database: Database, objects: ObjectStore, *, clock: Clock) -> int:
    """Abort multipart uploads in the store that belong to no open upload; return how many."""
    before = clock.now() - OLDER_THAN
    count = 0
    page: list[UploadFacts] = []
    async for upload in objects.uploads(Bucket.ORIGINALS, ""):
        if upload.started < before:
            page.append(upload)
        if len(page) >= AT_ONCE:
            count += await _abort_unknown(database, objects, page)
            page = []
    return count + await _abort_unknown(database, objects, page)


async def _abort_unknown(
    database: Database, objects: ObjectStore, page: Iterable[UploadFacts]
) -> int:
    query = select(col(UploadRow.reference)).where(
        col(UploadRow.reference).in_([upload.reference for upload in page]),
        col(UploadRow.state) == UploadState.OPEN,
    )
    async with database.session() as session:
        known = set(await session.scalars(query))
    unknown = [upload for upload in page if upload.reference not in known]
    for upload in unknown:
        log.warning("a multipart upload of %s belongs to no upload: aborted", upload.key)
        await objects.abort_upload(Bucket.ORIGINALS, upload.key, upload.reference)
    return len(unknown)


async def _give_up(database: Database, id_: str) -> None:
    query = select(UploadRow).where(col(UploadRow.id) == id_).with_for_update(key_share=True)
    async with database.transaction() as session:
        if (row := (await session.scalars(query)).one_or_none()) is not None:
            await give_up(session, row)
