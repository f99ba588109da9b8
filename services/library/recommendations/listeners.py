"""Listeners that note which lists are outdated, in the transaction of the change.

The account's list is created with the first sign of a taste; that of a collection when somebody
reads it first.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.jobs import JobState
from kit.database.engine import database_of
from kit.database.notifications import notify_on_commit
from kit.database.upsert import insert_into
from services.library.jobs.transitions import FinishedJob
from services.library.recommendations.tables import USE, RecommendationListRow
from services.library.similarity.sound_vectors import UNSCORED

_ROW = RecommendationListRow


async def outdate_collections(session: AsyncSession, collections: Sequence[str]) -> None:
    """Note that collections hold other items; a listener of `MEMBERS_CHANGED`."""
    await outdate(session, col(_ROW.collection).in_(sorted(set(collections))))


async def outdate_accounts(session: AsyncSession, owners: Sequence[str]) -> None:
    """Note that owners like other sounds than before; listens to `RATED`, `COLLECTION_CHANGED`."""
    if not owners:
        return
    database = database_of(session)
    now = await database.time(session)
    new = insert_into(database, _ROW.metadata.tables["recommendation_lists"])
    values = [
        {
            "id": owner,
            "owner": owner,
            "candidates": b"",
            "examples": 0,
            "generation": 1,
            "outdated": now,
            "used": now,
        }
        for owner in sorted(set(owners))
    ]
    changed = {
        "generation": col(_ROW.generation) + 1,
        "outdated": func.coalesce(col(_ROW.outdated), new.excluded["outdated"]),
    }
    await session.execute(new.on_conflict_do_update(index_elements=["id"], set_=changed), values)
    notify_on_commit(session, UNSCORED)


async def outdate_owners(session: AsyncSession, owners: Sequence[str]) -> None:
    """Note that owners hid or restored items; a listener of `VISIBILITY_CHANGED`."""
    await outdate(session, col(_ROW.owner).in_(sorted(set(owners))))


async def outdate_exporters(session: AsyncSession, finished: Sequence[FinishedJob]) -> None:
    """Note that owners exported items; a listener of `JOB_FINISHED`."""
    owners = {
        job.row.owner
        for job in finished
        if job.row.task == USE and job.row.state == JobState.SUCCEEDED and job.row.item is not None
    }
    await outdate_accounts(session, sorted(owners))


async def outdate(session: AsyncSession, which: Any) -> None:
    """Note that lists which exist are outdated."""
    now = await database_of(session).time(session)
    changed = (
        update(_ROW)
        .where(which)
        .values(generation=col(_ROW.generation) + 1, outdated=func.coalesce(_ROW.outdated, now))
        .returning(col(_ROW.id))
        .execution_options(synchronize_session=False)
    )
    if (await session.execute(changed)).first() is not None:
        notify_on_commit(session, UNSCORED)
