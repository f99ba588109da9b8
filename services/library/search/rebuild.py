"""Search documents of items that have none, and all documents again by one command."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import groupby

from sqlalchemy import ColumnElement, select
from sqlmodel import col

from kit.clock import Clock
from kit.database.engine import Database
from services.library.background import repeat, until
from services.library.catalogue.tables import ItemRow
from services.library.search.documents import index_items, remove_items
from services.library.search.pending import queue_items
from services.library.search.tables import SearchDocumentRow

log = logging.getLogger(__name__)

AT_ONCE = 200
"""Items that one transaction indexes."""
RETRY_EVERY = timedelta(minutes=1)


class MissingDocuments:
    """Writes the documents of items that an earlier version of the server added."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._after = ""
        self._complete = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Write what is missing, then wait until `stopping` is set."""
        await until(stopping, repeat(self.write, every=RETRY_EVERY, clock=self._clock))

    async def write(self) -> None:
        """Write all documents that are missing; after an error, go on where it happened."""
        document = select(col(SearchDocumentRow.id)).where(
            col(SearchDocumentRow.item) == col(ItemRow.id)
        )
        while not self._complete:
            rows = await _items_after(self._database, self._after, ~document.exists())
            await _index(self._database, rows)
            if rows:
                log.info("wrote search documents of %d items that had none", len(rows))
                self._after = rows[-1][1]
            self._complete = len(rows) < AT_ONCE


async def rebuild(
    database: Database, *, after: str = "", on_progress: Callable[[str, int], None]
) -> int:
    """Write every search document again, while the server goes on; return how many.

    Parameters
    ----------
    after
        The item after which to go on, as `on_progress` reported it.
    on_progress
        Called after each transaction with the id of its last item and the number of items so far.
    """
    count = 0
    while rows := await _items_after(database, after):
        await _index(database, rows)
        after, count = rows[-1][1], count + len(rows)
        on_progress(after, count)
    await _remove_orphans(database)
    return count


async def _items_after(
    database: Database, after: str, *which: ColumnElement[bool]
) -> list[tuple[str, str]]:
    """Return the owner and id of the next items by id."""
    query = (
        select(col(ItemRow.owner), col(ItemRow.id))
        .where(col(ItemRow.id) > after, *which)
        .order_by(col(ItemRow.id))
        .limit(AT_ONCE)
    )
    async with database.session() as session:
        return [(owner, item) for owner, item in (await session.execute(query)).all()]


async def _index(database: Database, items: Sequence[tuple[str, str]]) -> None:
    for owner, pairs in groupby(sorted(items), key=lambda pair: pair[0]):
        async with database.transaction() as session:
            ids = [item for _, item in pairs]
            await index_items(session, owner, ids)
            await queue_items(session, ids)


async def _remove_orphans(database: Database) -> None:
    """Remove the documents of items that do not exist."""
    item = select(col(ItemRow.id)).where(col(ItemRow.id) == col(SearchDocumentRow.item))
    query = (
        select(col(SearchDocumentRow.owner), col(SearchDocumentRow.item))
        .where(~col(SearchDocumentRow.removed), ~item.exists())
        .limit(AT_ONCE)
    )
    while True:
        async with database.session() as session:
            rows = (await session.execute(query)).all()
        if not rows:
            return
        for owner, pairs in groupby(sorted(map(tuple, rows)), key=lambda pair: pair[0]):
            async with database.transaction() as session:
                await remove_items(session, owner, [id_ for _, id_ in pairs])
