"""Computes lists again that are outdated, and compares new sounds with all others.

A list is outdated once what its owner likes or dismissed changed: it is then computed from the
owner's whole crate, in a thread; there is one at a time. New sounds are compared with the taste of
each of the owner's lists, together with the candidates that it has: what that costs depends on how
many they are, not on the crate.
"""

import asyncio
from collections.abc import Mapping

import numpy as np
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.music import Seconds
from kit.database.engine import Database, database_of
from kit.http.errors import ProblemError
from kit.vectors.base import OwnedVectors, Space
from kit.vectors.ids import Ids, pack, rows_of, unpack
from services.library.background import lead, until
from services.library.jobs.locks import hold_owner
from services.library.recommendations.candidates import DTYPE, Candidates, choose
from services.library.recommendations.events import emit_recommendations_updated
from services.library.recommendations.repository import (
    classes_of,
    may_learn_from,
    owners_of,
    read_examples,
    read_excluded,
)
from services.library.recommendations.shared_examples import with_shared
from services.library.recommendations.tables import RecommendationListRow
from services.library.search.classes import ItemClasses
from services.library.search.searching import Searches
from services.library.similarity.sound_vectors import UNSCORED, SoundVectors
from services.library.similarity.tables import SoundRow, sound_of

AT_ONCE = 500
"""New sounds that are compared at a time."""
POLL: Seconds = 5.0
SETTLE: Seconds = 1.0
"""How long an outdated list waits, so that several changes are computed together."""
_ROW = RecommendationListRow


class ListRefresher:
    """Keeps the lists of recommendations up to date; of several refreshers, one is active.

    Parameters
    ----------
    settle
        How long an outdated list waits before it is computed.
    """

    def __init__(
        self,
        database: Database,
        vectors: SoundVectors,
        searches: Searches,
        *,
        settle: Seconds = SETTLE,
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._searches = searches
        self._settle = settle

    async def run(self, stopping: asyncio.Event) -> None:
        """Refresh lists until `stopping` is set."""
        await until(
            stopping, lead(self._database, "recommendations", UNSCORED, self.refresh, poll=POLL)
        )

    async def refresh(self) -> bool:
        """Compute the next list, or compare new sounds; return whether there may be more."""
        async with self._database.session() as session:
            now = await database_of(session).time(session)
            row = (
                await session.scalars(
                    select(_ROW)
                    .where(col(_ROW.outdated).is_not(None))
                    .order_by(col(_ROW.outdated), col(_ROW.id))
                    .limit(1)
                )
            ).one_or_none()
        if row is None or row.outdated is None:
            return await self._compare_new()
        wait = self._settle - (now - row.outdated).total_seconds()
        if wait > 0:
            if await self._compare_new():
                return True
            await asyncio.sleep(wait)
        try:
            await self._compute(row, _Crate(self._vectors, self._searches, row.owner))
        except ProblemError:
            # The owner searches just now, as often as an owner may.
            return False
        return True

    async def _compare_new(self) -> bool:
        """Compare the next new sounds of one owner; return whether there were any."""
        waiting = select(col(SoundRow.item), col(SoundRow.owner)).where(~col(SoundRow.scored))
        async with self._database.session() as session:
            query = waiting.order_by(col(SoundRow.item)).limit(AT_ONCE)
            sounds = (await session.execute(query)).all()
            if not sounds:
                return False
            owner = sounds[0][1]
            lists = list(await session.scalars(select(_ROW).where(col(_ROW.owner) == owner)))
        items = [item for item, of_owner in sounds if of_owner == owner]
        new, crate = pack(items), _Crate(self._vectors, self._searches, owner)
        try:
            for row in lists:
                if row.outdated is None:
                    await self._compute(row, crate, new)
        except ProblemError:
            return False
        async with self._database.transaction() as session:
            await hold_owner(session, owner)
            done = update(SoundRow).where(col(SoundRow.item).in_(items), sound_of(owner))
            await session.execute(
                done.values(scored=True).execution_options(synchronize_session=False)
            )
        return True

    async def _drop(self, row: RecommendationListRow) -> None:
        """Delete the list of an owner who may not add to its collection any more."""
        async with self._database.transaction() as session:
            await hold_owner(session, row.owner)
            gone = delete(_ROW).where(col(_ROW.id) == row.id)
            await session.execute(gone.execution_options(synchronize_session=False))

    async def _compute(
        self, row: RecommendationListRow, crate: "_Crate", new: Ids | None = None
    ) -> None:
        """Compute a list; with new sounds only from these and the candidates that it has."""
        async with self._database.session() as session:
            is_allowed = await may_learn_from(session, row)
        if not is_allowed:
            await self._drop(row)
            return
        async with self._database.session() as session:
            examples = await read_examples(session, row)
            excluded = await read_excluded(session, row)
            others = await owners_of(session, unpack(examples.ids)) if row.collection else {}
            classes_of_others = await classes_of(
                session, [i for owner, items in others.items() if owner != row.owner for i in items]
            )
        before = np.frombuffer(row.candidates, DTYPE)
        among = None
        # A liked sound that is new says something of all sounds.
        if new is not None and not (rows_of(new, examples.ids) >= 0).any():
            among = np.concatenate((new, before["item"]))
        if len(examples.ids):
            vectors, classes = await crate.read()
            if classes_of_others:
                others.pop(row.owner, None)
                vectors, classes = with_shared(
                    vectors,
                    classes,
                    [await self._vectors.vectors_of(o, items) for o, items in others.items()],
                    classes_of_others,
                )
            candidates, known = await asyncio.to_thread(
                choose, vectors, examples, excluded, classes, among=among
            )
        else:
            candidates, known = np.empty(0, DTYPE), 0
        async with self._database.transaction() as session:
            await hold_owner(session, row.owner)
            await _write(session, row, candidates, known)


class _Crate:
    """The vectors and classes of an owner's sounds, read once for all lists that need them."""

    def __init__(self, vectors: SoundVectors, searches: Searches, owner: str) -> None:
        self._vectors = vectors
        self._searches = searches
        self._owner = owner
        self._read: tuple[Mapping[Space, OwnedVectors], ItemClasses] | None = None

    async def read(self) -> tuple[Mapping[Space, OwnedVectors], ItemClasses]:
        """Return the vectors by space, and the classes of items that are not hidden."""
        if self._read is None:
            vectors = await self._vectors.read_all(self._owner)
            self._read = vectors, await self._searches.classes(self._owner)
        return self._read


async def _write(
    session: AsyncSession, row: RecommendationListRow, candidates: Candidates, examples: int
) -> None:
    """Store a list that was computed, and emit it if it recommends other items than before.

    It stays outdated if something changed meanwhile. The caller holds the owner's lock.
    """
    held = await session.get(_ROW, row.id, with_for_update=True)
    if held is None:
        return
    before = np.frombuffer(held.candidates, DTYPE)
    new = int(np.count_nonzero(rows_of(before["item"], candidates["item"]) < 0))
    is_first = held.computed is None
    held.candidates, held.examples = candidates.tobytes(), examples
    held.computed = await database_of(session).time(session)
    if held.generation == row.generation:
        held.outdated = None
    await session.flush()
    if is_first or new or len(before) != len(candidates):
        await emit_recommendations_updated(session, held, count=len(candidates), new=new)
