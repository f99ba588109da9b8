"""Objects of no job: an attempt wrote them after all that it worked for was deleted (R27)."""

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

from sqlalchemy import select
from sqlmodel import col

from contracts.objects import Bucket
from kit.clock import Clock
from kit.database.engine import Database
from kit.objects.base import ObjectStore
from services.library.tables import ArtifactRow, JobRow

OLDER_THAN = timedelta(hours=24)
"""A younger one may be under way."""
AT_ONCE = 500
_DEPTH = 4
"""`<owner>/<item>/<task>/<job>/` is what every attempt at a job writes below."""


async def find_orphans(
    database: Database, objects: ObjectStore, *, clock: Clock
) -> AsyncIterator[str]:
    """Yield every job's prefix that holds old objects though no job or artifact knows of it."""
    before = clock.now() - OLDER_THAN
    prefixes: dict[str, str] = {}
    async for found in objects.walk(Bucket.DERIVED, ""):
        parts = found.key.split("/")
        if len(parts) > _DEPTH and found.modified < before:
            prefixes["/".join(parts[:_DEPTH]) + "/"] = parts[_DEPTH - 1]
        if len(prefixes) >= AT_ONCE:
            for orphan in await _unknown(database, prefixes):
                yield orphan
            prefixes = {}
    for orphan in await _unknown(database, prefixes):
        yield orphan


async def _unknown(database: Database, prefixes: dict[str, str]) -> Iterable[str]:
    jobs = set(prefixes.values())
    kept: set[str | None] = set()
    async with database.session() as session:
        for column in (col(JobRow.id), col(ArtifactRow.job)):
            kept |= set(await session.scalars(select(column).where(column.in_(jobs))))
    return [prefix for prefix, job in prefixes.items() if job not in kept]
