"""Deletions of items and of owners: marked first, then done piece by piece.

From the mark on nobody finds the item, nor anything that belongs to it. All that goes in
transactions of a bounded number of rows, so none holds up the event loop, the one writer of SQLite,
or rows that others wait for. Whoever asked waits for it a little while; what is left then, or after
a kill, is done in the background. Every piece looks for what is left, so any number may work at it.
"""

import asyncio
import logging
import time
from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from contracts.identity import Principal
from contracts.ids import ItemId, OwnerId
from contracts.music import Seconds
from kit.database.actors import SERVICE, acting_as
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.http.etags import ALWAYS, Precondition
from services.library.access import Action
from services.library.background import follow, until
from services.library.catalogue import items
from services.library.catalogue.hiding import UNFINISHED, hide_items
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import DeletionRow
from services.library.catalogue.views import item_to_api
from services.library.deletions import item_trees, owners
from services.library.jobs.locks import hold_owner
from services.library.similarity.sound_vectors import SoundVectors

log = logging.getLogger(__name__)

PATIENCE: Seconds = 2.0
"""How long whoever asked for a deletion waits for all of it."""
LOOK_EVERY: Seconds = 30.0
AT_ONCE = 100


class Deletions:
    """Deletes what may be large."""

    def __init__(
        self, database: Database, vectors: SoundVectors, *, patience: Seconds = PATIENCE
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._patience = patience

    async def delete_item(
        self, principal: Principal, item: ItemId, precondition: Precondition = ALWAYS
    ) -> None:
        """Delete an item, hidden or not, for good: the items cut from it, their files and jobs.

        Raises
        ------
        ProblemError
        """
        async with self._database.transaction() as session:
            repository = Repository(session, principal)
            if precondition:
                await hold_owner(session, principal.owner)
                shown = await repository.item(item, Action.WRITE, hold=True)
                precondition.check(item_to_api(shown))
            row = await items.mark_deleted(repository, item)
        await self._begin(row)

    async def hide_item(
        self, principal: Principal, item: ItemId, precondition: Precondition = ALWAYS
    ) -> None:
        """Hide an item and the items cut from it, and cancel what works on them.

        Raises
        ------
        ProblemError
        """
        async with self._database.transaction() as session:
            repository = Repository(session, principal)
            await hold_owner(session, principal.owner)
            row = await repository.item(item, Action.WRITE, hold=True)
            precondition.check(item_to_api(row))
            (deletion,) = await hide_items(session, (row,))
        await self._begin(deletion)

    async def delete_owner(self, owner: OwnerId) -> None:
        """Delete everything of an owner."""
        async with self._database.transaction() as session:
            row = await owners.mark_deleted(session, owner)
        await self._begin(row)

    async def run(self, stopping: asyncio.Event) -> None:
        """Finish what was left, until `stopping` is set."""
        await until(
            stopping,
            follow(self._database, "deletions", UNFINISHED, self._look, poll=LOOK_EVERY),
        )

    async def finish(self) -> None:
        """Finish what was marked and is not waited for any more, and what is hidden long enough."""
        await self._begin_due()
        left = self._database.now(offset=-timedelta(seconds=self._patience))
        query = (
            select(DeletionRow)
            .where(
                col(DeletionRow.created) <= left,
                or_(~col(DeletionRow.hidden), col(DeletionRow.has_work)),
            )
            .order_by(col(DeletionRow.created))
            .limit(AT_ONCE)
        )
        async with self._database.session() as session:
            rows = list(await session.scalars(query))
        for row in rows:
            try:
                while await self._piece(row):
                    pass
            except SQLAlchemyError:
                # One that cannot be done must not keep the others waiting.
                log.exception("the deletion of %s stays as it is for now", row.id)

    async def _begin_due(self) -> None:
        """Begin to delete what is due: from now on it cannot be restored."""
        row, now = DeletionRow, self._database.now()
        due = (
            select(col(row.id))
            .where(col(row.due) <= now, col(row.hidden))
            .order_by(col(row.due))
            .limit(AT_ONCE)
        )
        begun = update(row).where(col(row.id).in_(due), col(row.hidden)).values(hidden=False)
        async with self._database.transaction() as session:
            await session.execute(begun.execution_options(synchronize_session=False))

    async def _begin(self, row: DeletionRow) -> None:
        began = time.monotonic()
        try:
            with acting_as(SERVICE):  # What is deleted may be in collections of others.
                while await self._piece(row):
                    if time.monotonic() - began >= self._patience:
                        self._database.listen(UNFINISHED).set()
                        return
        except DatabaseUnavailable as error:
            # It is marked, so it will be done.
            log.warning("the rest of a deletion is done later: %s", error)

    async def _piece(self, row: DeletionRow) -> bool:
        if row.item is None:
            return await owners.delete_piece(self._database, self._vectors, OwnerId(row.owner))
        if row.hidden:
            return await item_trees.end_work(self._database, OwnerId(row.owner), ItemId(row.item))
        return await item_trees.delete_piece(
            self._database, self._vectors, OwnerId(row.owner), ItemId(row.item)
        )

    async def _look(self) -> bool:
        await self.finish()
        # What could not be done waits for the next look.
        return False
