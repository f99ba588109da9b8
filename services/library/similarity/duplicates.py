"""Duplicates: found in the background when a sound was described, listed as groups.

Two items are exact duplicates if their canonical audio has the same bytes: it is written without
metadata, so these are the same samples. Two samples are near duplicates if their vectors are close
and their fingerprints differ by little. A sound is compared once, with those that are nearest to
it; whoever comes later is compared with it.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import ItemId
from contracts.music import Seconds
from contracts.similarity import DuplicateGroup, DuplicateItem
from kit.database.engine import Database
from kit.http.list_cursor import ListQuery, decode_list_cursor, encode_list_cursor
from services.library.background import lead, until
from services.library.catalogue.repository import Repository, being_deleted
from services.library.catalogue.tables import ItemRow
from services.library.catalogue.views import item_to_api
from services.library.jobs.locks import hold_owner
from services.library.similarity.fingerprints import (
    BandLevels,
    fingerprint_difference,
    read_fingerprint,
)
from services.library.similarity.sound_vectors import UNCOMPARED, SoundVectors
from services.library.similarity.tables import SoundRow, sound_of

log = logging.getLogger(__name__)

MAX_DISTANCE = 0.15
"""Distance of two vectors above which fingerprints are not compared."""
MAX_DIFFERENCE = 2.0
"""dB: two fingerprints that differ by more are of different sounds."""
CANDIDATES = 20
"""Neighbours whose fingerprints a sound is compared with."""
AT_ONCE = 50
"""Sounds that one transaction compares."""
MAX_MEMBERS = 100
"""Members of a group that are listed, the oldest ones."""
POLL: Seconds = 5.0


class DuplicateFinder:
    """Compares new sounds with the others of their owner; of several finders, one is active."""

    def __init__(self, database: Database, vectors: SoundVectors) -> None:
        self._database = database
        self._vectors = vectors

    async def run(self, stopping: asyncio.Event) -> None:
        """Compare sounds until `stopping` is set."""
        await until(
            stopping, lead(self._database, "duplicates", UNCOMPARED, self.compare, poll=POLL)
        )

    async def compare(self) -> bool:
        """Compare the next sounds of one owner; return whether there were any."""
        waiting = select(SoundRow).where(~col(SoundRow.compared)).order_by(col(SoundRow.item))
        async with self._database.session() as session:
            rows = list(await session.scalars(waiting.limit(AT_ONCE)))
        if not rows:
            return False
        owner = rows[0].owner
        rows = [row for row in rows if row.owner == owner]
        near = {row.item: await self._near(row) for row in rows}
        async with self._database.transaction() as session:
            await hold_owner(session, owner)
            # What was described again or deleted meanwhile is left for the next time.
            query = select(SoundRow).where(col(SoundRow.item).in_(list(near)))
            now = {row.item: _description(row) for row in await session.scalars(query)}
            rows = [row for row in rows if now.get(row.item) == _description(row)]
            for row in rows:
                await _join(session, row, near[row.item])
            compared = [row.item for row in rows]
            done = update(SoundRow).where(col(SoundRow.item).in_(compared)).values(compared=True)
            await session.execute(done.execution_options(synchronize_session=False))
        return True

    async def _near(self, row: SoundRow) -> list[str]:
        """Return the items whose sound is nearly that of another."""
        own = read_fingerprint(row.fingerprint) if row.fingerprint is not None else None
        if own is None:
            return []
        neighbours = await self._vectors.nearest(row.owner, [(row, 1.0)], limit=CANDIDATES)
        close = [n.id for n in neighbours if n.distance <= MAX_DISTANCE]
        others = await self._vectors.sounds_of(row.owner, close)
        return await asyncio.to_thread(_alike, own, others)


def _description(row: SoundRow) -> tuple[object, ...]:
    return row.space, row.version, row.audio_sha256, row.fingerprint


def _alike(own: BandLevels, others: Mapping[str, SoundRow]) -> list[str]:
    alike = []
    for item, other in others.items():
        levels = read_fingerprint(other.fingerprint or b"")
        if levels is not None and fingerprint_difference(own, levels) <= MAX_DIFFERENCE:
            alike.append(item)
    return alike


async def _join(session: AsyncSession, row: SoundRow, near: Sequence[str]) -> None:
    """Put a sound, those with the same samples and those near it, with their groups, in one."""
    sound = SoundRow
    known = select(col(sound.item), col(sound.duplicates))
    # One condition for each statement, so that each is looked up in an index.
    members: dict[str, str | None] = {}
    for alike in (
        and_(sound_of(row.owner), col(sound.item).in_([*near, row.item])),
        and_(col(sound.owner) == row.owner, col(sound.audio_sha256) == row.audio_sha256),
    ):
        members.update((item, group) for item, group in await session.execute(known.where(alike)))
    if len(members) < 2:
        return
    groups = sorted({group for group in members.values() if group is not None})
    joined = (
        update(sound)
        .values(duplicates=min([*members, *groups]))
        .execution_options(synchronize_session=False)
    )
    await session.execute(joined.where(sound_of(row.owner), col(sound.item).in_(sorted(members))))
    if groups:
        of_groups = (col(sound.owner) == row.owner, col(sound.duplicates).in_(groups))
        await session.execute(joined.where(*of_groups))


async def list_duplicates(
    repository: Repository, request: ListQuery
) -> tuple[list[DuplicateGroup], str | None]:
    """Return a page of an owner's groups of duplicates, and the cursor of the next page.

    Raises
    ------
    ProblemError
        The cursor is malformed.
    """
    sound = SoundRow
    kept = col(sound.item).not_in(being_deleted(repository.owner))
    groups = (
        select(col(sound.duplicates))
        .where(col(sound.owner) == repository.owner, col(sound.duplicates).is_not(None), kept)
        .group_by(col(sound.duplicates))
        .having(func.count() > 1)
        .order_by(col(sound.duplicates))
        .limit(request.limit + 1)
    )
    if request.cursor is not None:
        (after,) = decode_list_cursor(request.cursor, (str,))
        groups = groups.where(col(sound.duplicates) > after)
    session = repository.session
    names = [name for name in await session.scalars(groups) if name is not None]
    shown = names[: request.limit]
    following = encode_list_cursor((shown[-1],)) if len(names) > len(shown) else None
    return [await _group(repository, name) for name in shown], following


async def _group(repository: Repository, name: str) -> DuplicateGroup:
    query = (
        repository.items.select()
        .join(SoundRow, col(SoundRow.item) == col(ItemRow.id))
        .where(col(SoundRow.owner) == repository.owner, col(SoundRow.duplicates) == name)
        .order_by(col(ItemRow.created), col(ItemRow.id))
        .limit(MAX_MEMBERS)
    )
    items = list(await repository.session.scalars(query))
    hashes = select(col(SoundRow.item), col(SoundRow.audio_sha256)).where(
        col(SoundRow.item).in_([item.id for item in items])
    )
    of_item = dict((await repository.session.execute(hashes)).all())
    members = tuple(
        DuplicateItem(item=item_to_api(item), audio_sha256=of_item[ItemId(item.id)])
        for item in items
    )
    return DuplicateGroup(exact=len(set(of_item.values())) < 2, items=members)
