"""Listeners that write search documents in the transaction of the change."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.jobs import JobState
from services.library.catalogue.changes import item_changed
from services.library.catalogue.tables import ItemRow
from services.library.jobs.transitions import FinishedJob
from services.library.search.documents import index_items, next_revision
from services.library.search.findings import TASKS_WITH_FINDINGS


async def index_changes(session: AsyncSession, items: Sequence[ItemRow]) -> None:
    """Write the documents of items that were added or changed; a listener of `ITEM_CHANGED`."""
    by_owner: dict[str, set[str]] = {}
    for item in items:
        by_owner.setdefault(item.owner, set()).add(item.id)
    # In one order, as two transactions may change items of the same owners.
    for owner in sorted(by_owner):
        await index_items(session, owner, sorted(by_owner[owner]))


async def next_revisions(session: AsyncSession, owners: Sequence[str]) -> None:
    """Increment the revisions of owners who hid or restored items; listens to that hook.

    Their documents stay as they are, but other ones can be found.
    """
    for owner in sorted(set(owners)):
        await next_revision(session, owner)


async def index_results(session: AsyncSession, finished: Sequence[FinishedJob]) -> None:
    """Report the items of whose sound a job found something out; a listener of `JOB_FINISHED`."""
    items = {
        job.row.item
        for job in finished
        if job.row.state == JobState.SUCCEEDED and job.row.task in TASKS_WITH_FINDINGS
    }
    query = select(ItemRow).where(col(ItemRow.id).in_(sorted(filter(None, items))))
    for item in (await session.scalars(query)) if items else ():
        item_changed(session, item)
