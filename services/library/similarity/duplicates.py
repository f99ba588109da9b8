"""Duplicates: found in the background when a sound was described, listed as groups.

Two items are exact duplicates if their canonical audio has the same bytes: it is written without
metadata, so these are the same samples. Two samples are near duplicates if their vectors are close
and their fingerprints differ by little. A sound is compared once, with those that are nearest to
it; whoever comes later is compared with it.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from itertools import chain

from sqlalchemy import Select, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import ItemId
from contracts.music import Seconds
from contracts.similarity import DuplicateGroup, DuplicateItem
from kit.database.engine import Database
from kit.database.repository import OwnedRows
from kit.http.list_cursor import ListQuery, decode_list_cursor, encode_list_cursor
from kit.vectors.base import Neighbour
from services.library.background import lead, until
from services.library.catalogue.repository import Repository, being_deleted
from services.library.catalogue.tables import ItemRow
from services.library.catalogue.views import item_to_api
from services.library.jobs.locks import hold_owner
from services.library.similarity.fingerprints import fingerprint_difference, read_fingerprint
from services.library.similarity.sound_vectors import UNCOMPARED, SoundVectors
from services.library.similarity.tables import SoundRow, sound_of

log = logging.getLogger(__name__)

MAX_DISTANCE = 0.15
"""Distance of two vectors above which fingerprints are not compared."""
MAX_DIFFERENCE = 2.0
"""dB: two fingerprints that differ by more are of different sounds."""
CANDIDATES = 20
"""Neighbours whose fingerprints a sound is compared with."""
AT_ONCE = 500
"""Sounds whose neighbours are found at once."""
CHUNK = 50
"""Sounds that one transaction puts in groups."""
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
        nearest = await self._vectors.nearest_of(
            owner, [row for row in rows if row.fingerprint is not None], limit=CANDIDATES
        )
        for start in range(0, len(rows), CHUNK):
            await self._put_in_groups(owner, rows[start : start + CHUNK], nearest)
        return True

    async def _put_in_groups(
        self, owner: str, rows: Sequence[SoundRow], nearest: Mapping[str, Sequence[Neighbour]]
    ) -> None:
        """Put some sounds in groups with those of their neighbours that are nearly the same."""
        close = {
            row.item: [
                each.id for each in nearest.get(row.item, ()) if each.distance <= MAX_DISTANCE
            ]
            for row in rows
        }
        sounds = await self._vectors.sounds_of(owner, {*close, *chain(*close.values())})
        near = await asyncio.to_thread(_alike, close, sounds)
        async with self._database.transaction() as session:
            await hold_owner(session, owner)
            # What was described again or deleted meanwhile is left for the next time.
            query = select(SoundRow).where(col(SoundRow.item).in_([row.item for row in rows]))
            now = {row.item: _description(row) for row in await session.scalars(query)}
            rows = [row for row in rows if now.get(row.item) == _description(row)]
            await _join(session, owner, rows, near)
            compared = [row.item for row in rows]
            done = update(SoundRow).where(col(SoundRow.item).in_(compared)).values(compared=True)
            await session.execute(done.execution_options(synchronize_session=False))


def _description(row: SoundRow) -> tuple[object, ...]:
    return row.space, row.version, row.audio_sha256, row.fingerprint


def _alike(
    close: Mapping[str, Sequence[str]], sounds: Mapping[str, SoundRow]
) -> dict[str, list[str]]:
    """Return for each item those close to it whose fingerprints differ by little."""
    read = {item: read_fingerprint(row.fingerprint or b"") for item, row in sounds.items()}
    levels = {item: each for item, each in read.items() if each is not None}
    return {
        item: [
            other
            for other in others
            if other in levels
            and fingerprint_difference(levels[item], levels[other]) <= MAX_DIFFERENCE
        ]
        for item, others in close.items()
        if item in levels
    }


async def _join(
    session: AsyncSession, owner: str, rows: Sequence[SoundRow], near: Mapping[str, Sequence[str]]
) -> None:
    """Put each sound, those with the same samples and those near it, with their groups, in one."""
    sound = SoundRow
    known = select(col(sound.item), col(sound.audio_sha256), col(sound.duplicates))
    items = sorted({*(row.item for row in rows), *chain(*near.values())})
    hashes = sorted({row.audio_sha256 for row in rows})
    groups: dict[str, str | None] = {}
    same: dict[str, set[str]] = {}
    # One condition for each statement, so that each is looked up in an index.
    for alike in (
        and_(sound_of(owner), col(sound.item).in_(items)),
        and_(col(sound.owner) == owner, col(sound.audio_sha256).in_(hashes)),
    ):
        for item, audio, group in await session.execute(known.where(alike)):
            groups[item] = group
            same.setdefault(audio, set()).add(item)
    for row in rows:
        members = {row.item, *near.get(row.item, ()), *same[row.audio_sha256]} & groups.keys()
        if len(members) < 2:
            continue
        joined = {group for item in members if (group := groups[item]) is not None}
        name = min(members | joined)
        update_ = update(sound).values(duplicates=name).execution_options(synchronize_session=False)
        await session.execute(update_.where(sound_of(owner), col(sound.item).in_(sorted(members))))
        if joined:
            of_groups = (col(sound.owner) == owner, col(sound.duplicates).in_(sorted(joined)))
            await session.execute(update_.where(*of_groups))
        groups |= {
            item: name for item, group in groups.items() if item in members or group in joined
        }


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


def items_of_group(items: OwnedRows[ItemRow], owner: str, name: str) -> Select[ItemRow]:
    """Return the query of a group's items, the oldest first."""
    return (
        items.select_few()
        .join(SoundRow, col(SoundRow.item) == col(ItemRow.id))
        .where(col(SoundRow.owner) == owner, col(SoundRow.duplicates) == name)
        .order_by(col(ItemRow.created), col(ItemRow.id))
        .limit(MAX_MEMBERS)
    )


async def _group(repository: Repository, name: str) -> DuplicateGroup:
    query = items_of_group(repository.items, repository.owner, name)
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
