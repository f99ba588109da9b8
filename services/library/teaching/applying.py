"""Taught tags and what arrives later: new sounds are reported, unlearnt answers are learnt.

A sound needs no work to be proposed, as proposals are computed when somebody looks. But whoever
looks already must hear of it: when vectors were stored, their owner's tags are applied to them, and
`tag.proposed` says how many of them each tag proposes.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from sqlalchemy import select, update
from sqlmodel import col

from contracts.music import Seconds
from kit.database.engine import Database
from kit.vectors.ids import pack, rows_of
from services.library.background import lead, until
from services.library.jobs.locks import hold_owner
from services.library.similarity.sound_vectors import UNPROPOSED, SoundVectors
from services.library.similarity.tables import SoundRow, sound_of
from services.library.teaching.events import emit_tag_proposed
from services.library.teaching.learner import learn_tag
from services.library.teaching.proposals import TagView, read_view
from services.library.teaching.repository import versions_in_use
from services.library.teaching.scoring import Crate
from services.library.teaching.tables import TaughtTagRow

AT_ONCE = 500
"""Sounds that are applied at a time."""
POLL: Seconds = 5.0
LEFT_AFTER = timedelta(seconds=30)
"""Answers that are not learnt by then were left by a process that ended."""


class TagApplier:
    """Applies taught tags to new sounds; of several appliers, one is active."""

    def __init__(self, database: Database, vectors: SoundVectors) -> None:
        self._database = database
        self._vectors = vectors

    async def run(self, stopping: asyncio.Event) -> None:
        """Apply tags until `stopping` is set."""
        await until(
            stopping, lead(self._database, "taught tags", UNPROPOSED, self.apply, poll=POLL)
        )

    async def apply(self) -> bool:
        """Apply tags to the next sounds of one owner; return whether there may be more."""
        waiting = select(SoundRow).where(~col(SoundRow.proposed)).order_by(col(SoundRow.item))
        async with self._database.session() as session:
            sounds = list(await session.scalars(waiting.limit(AT_ONCE)))
        if not sounds:
            return await self._learn_what_is_left()
        owner = sounds[0].owner
        items = [sound.item for sound in sounds if sound.owner == owner]
        views: dict[str, TagView] = {}
        async with self._database.session() as session:
            for row, _ in await versions_in_use(session, owner):
                view = await read_view(session, row)
                if view is not None:
                    views[row.id] = view
        counts: dict[str, tuple[int, int]] = {}
        if views:
            crate = await self._vectors.read_all(owner)
            counts = {
                id_: await asyncio.to_thread(_count, view, crate, items)
                for id_, view in views.items()
            }
        async with self._database.transaction() as session:
            await hold_owner(session, owner)
            for id_, (count, new) in counts.items():
                row_now = await session.get(TaughtTagRow, id_)
                if row_now is not None and new:
                    await emit_tag_proposed(session, row_now, count=count, new=new)
            done = update(SoundRow).where(col(SoundRow.item).in_(items), sound_of(owner))
            await session.execute(
                done.values(proposed=True).execution_options(synchronize_session=False)
            )
        return True

    async def _learn_what_is_left(self) -> bool:
        """Learn answers that a process stored before it ended; return whether there were any."""
        query = (
            select(TaughtTagRow)
            .where(
                col(TaughtTagRow.pending),
                col(TaughtTagRow.updated) < self._database.now(offset=-LEFT_AFTER),
            )
            .limit(1)
        )
        async with self._database.session() as session:
            row = (await session.scalars(query)).one_or_none()
        if row is None:
            return False
        crate = await self._vectors.read_all(row.owner)
        await learn_tag(self._database, row.id, row.owner, crate)
        return True


def _count(view: TagView, crate: Crate, items: Sequence[str]) -> tuple[int, int]:
    """Return how many items a tag proposes, and how many of some items."""
    proposed = view.proposed(crate)
    rows = rows_of(proposed.ids, pack(items))
    return len(proposed.ids), int(np.count_nonzero(rows >= 0))
