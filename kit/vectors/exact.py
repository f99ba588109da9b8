"""Vectors next to SQLite: rows of the database, searched exactly in memory-mapped files.

The database is the truth. A write is a row of `vectors`, numbered by `sequence`, in the caller's
transaction; the files are a copy up to some sequence. A search first reads the changes that came
later, with one statement, then multiplies the mapped rows with the query. Changes collect in memory
until there are some thousands, which are then appended to the files: nothing is built again. A
removal stays in the database as a row without a vector, until the files are compacted.

After a kill the files are older than the database, or unreadable; either way the next search reads
from the database what they lack. A copy whose count differs from the database's is made again.
Several processes of one machine may search and write at once.
"""

import asyncio
import logging
import shutil
from collections import OrderedDict
from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from kit.arrays import F32
from kit.clock import new_id
from kit.database.engine import Database
from kit.durable import DISK, Disk
from kit.unavailable import DependencyUnavailable
from kit.vectors.base import (
    Neighbour,
    OwnedVectors,
    Space,
    WeightedVector,
    check_limit,
    combine,
    half,
    no_vectors,
)
from kit.vectors.copies import Copy
from kit.vectors.ids import pack, unpack
from kit.vectors.nearest import neighbours
from kit.vectors.spaces import SpaceTable
from kit.vectors.tables import METADATA, SETS, SPACES, VECTORS

log = logging.getLogger(__name__)
Awaited = TypeVar("Awaited")

MEMORY = 256 << 20
"""Bytes that the copies of a process may take; their mapped rows are the system's to keep."""
FLUSH_ROWS = 4096
_AT_ONCE = 1 << 20
"""Components that are searched on the event loop: a millisecond, less than a thread may cost."""
_IDS = 500
"""Ids in one statement."""

_REPLACED = delete(VECTORS).where(
    VECTORS.c.set == bindparam("of_set"),
    VECTORS.c.id == bindparam("of_id"),
    VECTORS.c.vector.is_not(None),
)
_INSERT = VECTORS.insert().prefix_with("OR REPLACE")


class ExactVectors:
    """The vector store of a SQLite database; see `kit.vectors.base.VectorStore`.

    Parameters
    ----------
    database
        What the sessions belong to; the caller closes it.
    folder
        Where files lie. It may be deleted while no process uses it.
    memory
        Bytes that copies may take before those that were searched longest ago are forgotten.
    flush_rows
        Rows in memory from which on they are appended to the files.
    disk
        Does the syncing and the renaming.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        memory: int = MEMORY,
        flush_rows: int = FLUSH_ROWS,
        disk: Disk = DISK,
    ) -> None:
        self._database = database
        self._folder = folder
        self._memory = memory
        self._flush_rows = flush_rows
        self._disk = disk
        self._spaces = SpaceTable(database)
        self._copies: OrderedDict[tuple[Space, str], Copy] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Create the tables and delete files that no set has."""
        await self._database.run_sync(METADATA.create_all)
        await self.clean_up()

    async def ensure(self, space: Space) -> None:
        """Create a space if it does not exist."""
        async with self._database.transaction() as session:
            await self._spaces.add(session, space)

    async def spaces(self) -> list[Space]:
        """Return all spaces in the order of their creation."""
        return await self._spaces.all()

    async def active(self, name: str) -> Space:
        """Return the version of a space that searches are meant to use."""
        return await self._spaces.active(name)

    async def activate(self, session: AsyncSession, space: Space) -> None:
        """Make this version of a space the active one."""
        await self._spaces.activate(session, space)

    async def drop(self, session: AsyncSession, space: Space, *, limit: int = 10_000) -> int:
        """Remove a space step by step, its rows of vectors first."""
        named = (SPACES.c.name == space.name) & (SPACES.c.version == space.version)
        mark = update(SPACES).where(named).values(dropping=True, active=False)
        number = (await session.execute(mark.returning(SPACES.c.id))).scalar_one_or_none()
        if number is None:
            return 0
        removed = await _delete_sets(session, SETS.c.space == number, limit)
        if removed == 0:
            await session.execute(delete(SPACES).where(SPACES.c.id == number))
        return removed

    async def put(
        self, session: AsyncSession, space: Space, owner: str, vectors: Mapping[str, F32]
    ) -> None:
        """Store vectors by id."""
        halves = half(vectors, space.dimension).astype("<f2")
        ids = [id_.tobytes() for id_ in pack(list(vectors))]
        number = await self._spaces.number(session, space)
        if not ids:
            return
        set_ = await self._add_set(session, number, owner)
        connection = await session.connection()
        keys = [{"of_set": set_, "of_id": id_} for id_ in ids]
        replaced = (await connection.execute(_REPLACED, keys)).rowcount
        rows = [
            {"set": set_, "id": id_, "vector": vector.tobytes()}
            for id_, vector in zip(ids, halves, strict=True)
        ]
        await connection.execute(_INSERT, rows)
        await _count(session, set_, len(ids) - replaced)

    async def remove(
        self, session: AsyncSession, space: Space, owner: str, ids: Collection[str]
    ) -> int:
        """Remove vectors; return how many of the ids the owner had."""
        number = await self._spaces.number(session, space)
        set_ = await self._set(session, number, owner)
        if set_ is None:
            return 0
        held: list[bytes] = []
        for chunk in _chunks(set(ids)):
            query = select(VECTORS.c.id).where(
                VECTORS.c.set == set_, VECTORS.c.id.in_(chunk), VECTORS.c.vector.is_not(None)
            )
            held += await session.scalars(query)
        await _remove(session, set_, held)
        return len(held)

    async def remove_owner(self, session: AsyncSession, owner: str, *, limit: int = 10_000) -> int:
        """Remove all vectors of an owner step by step."""
        sets = select(SETS.c.id).where(SETS.c.owner == owner)
        query = select(VECTORS.c.set, VECTORS.c.id).where(VECTORS.c.set.in_(sets))
        living = query.where(VECTORS.c.vector.is_not(None)).limit(limit)
        by_set: dict[int, list[bytes]] = {}
        for set_, id_ in await session.execute(living):
            by_set.setdefault(set_, []).append(id_)
        for set_, held in by_set.items():
            await _remove(session, set_, held)
        if by_set:
            return sum(map(len, by_set.values()))
        # Nobody finds them any more: what marks the removals can go, too.
        return await _delete_sets(session, SETS.c.owner == owner, limit)

    async def get(self, space: Space, owner: str, ids: Collection[str]) -> dict[str, F32]:
        """Return the stored unit vectors of those ids that the owner has."""
        index = await self._run(self._copy(space, owner).refresh())
        if index is None or not ids:
            return {}
        held, matrix = await asyncio.to_thread(index.vectors, pack(list(set(ids))))
        return dict(zip(unpack(held), matrix, strict=True))

    async def read_all(self, space: Space, owner: str) -> OwnedVectors:
        """Return all of an owner's vectors; rows that are in the files are not copied."""
        index = await self._run(self._copy(space, owner).refresh())
        self._forget_old_copies()
        if index is None:
            return no_vectors(space)
        return OwnedVectors(*await asyncio.to_thread(index.living))

    async def count(self, space: Space, owner: str) -> int:
        """Return how many vectors an owner has in a space."""
        async with self._database.session() as session:
            number = await self._spaces.number(session, space)
            query = select(SETS.c.count).where(SETS.c.space == number, SETS.c.owner == owner)
            return int((await session.execute(query)).scalar_one_or_none() or 0)

    async def search(
        self,
        space: Space,
        owner: str,
        query: Sequence[WeightedVector],
        *,
        limit: int,
        allowed: Collection[str] | None = None,
    ) -> list[Neighbour]:
        """Return an owner's vectors that are closest to a query, the closest first."""
        check_limit(limit)
        direction = combine(query, space.dimension)
        copy = self._copy(space, owner)
        index = await self._run(copy.refresh())
        if copy.needs_compaction:
            copy.compacting = True
            self._start_task(self._compact(copy))
        self._forget_old_copies()
        if index is None:
            return []

        def nearest() -> list[Neighbour]:
            packed = None if allowed is None else pack(allowed)
            return neighbours(*index.nearest(direction, limit, packed))

        small = len(index.ids) * space.dimension <= _AT_ONCE
        return nearest() if small else await asyncio.to_thread(nearest)

    async def nearest_of(
        self, space: Space, owner: str, ids: Collection[str], *, limit: int
    ) -> dict[str, list[Neighbour]]:
        """Return for each of some vectors of an owner the closest ones, itself among them."""
        check_limit(limit)
        index = await self._run(self._copy(space, owner).refresh())
        self._forget_old_copies()
        if index is None or not ids:
            return {}

        def nearest() -> dict[str, list[Neighbour]]:
            return {
                unpack(id_[None])[0]: neighbours(near, distances)
                for id_, near, distances in index.nearest_of(pack(list(set(ids))), limit)
            }

        return await asyncio.to_thread(nearest)

    async def clean_up(self) -> None:
        """Delete files of spaces and owners that were removed."""
        # Folders first: a set that appears after the listing has none among them.
        folders = await asyncio.to_thread(_folders, self._folder)
        async with self._database.session() as session:
            tokens = set(await session.scalars(select(SETS.c.token)))
        for folder in folders:
            if folder.name not in tokens:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def close(self) -> None:
        """Wait for what runs in the background."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _add_set(self, session: AsyncSession, space: int, owner: str) -> int:
        """Return the number of an owner's set, which is made if there is none."""
        if (set_ := await self._set(session, space, owner)) is not None:
            return set_
        values = {"space": space, "owner": owner, "token": new_id(), "count": 0, "purged": 0}
        insert = SETS.insert().values(values).returning(SETS.c.id)
        return int((await session.execute(insert)).scalar_one())

    async def _set(self, session: AsyncSession, space: int, owner: str) -> int | None:
        query = select(SETS.c.id).where(SETS.c.space == space, SETS.c.owner == owner)
        return (await session.execute(query)).scalar_one_or_none()

    def _copy(self, space: Space, owner: str) -> Copy:
        key = (space, owner)
        if key not in self._copies:
            self._copies[key] = Copy(
                self._database,
                self._folder,
                space,
                owner,
                flush_rows=self._flush_rows,
                disk=self._disk,
            )
        self._copies.move_to_end(key)
        return self._copies[key]

    def _forget_old_copies(self) -> None:
        total = sum(copy.nbytes for copy in self._copies.values())
        while total > self._memory and len(self._copies) > 1:
            _, copy = self._copies.popitem(last=False)
            total -= copy.nbytes

    async def _compact(self, copy: Copy) -> None:
        try:
            await copy.compact()
        except (DependencyUnavailable, OSError) as error:
            log.warning("vectors could not be compacted, which will be tried again: %s", error)
        finally:
            copy.compacting = False

    async def _run(self, work: Coroutine[Any, Any, Awaited]) -> Awaited:
        """Await what must end as a whole, even if whoever waits for it is cancelled."""
        return await asyncio.shield(self._start_task(work))

    def _start_task(self, work: Coroutine[Any, Any, Awaited]) -> asyncio.Task[Awaited]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Whoever waited may be gone: the error counts as seen.


async def _remove(session: AsyncSession, set_: int, ids: list[bytes]) -> None:
    """Replace living vectors by marks of their removal."""
    if ids:
        connection = await session.connection()
        await connection.execute(_INSERT, [{"set": set_, "id": id_, "vector": None} for id_ in ids])
        await _count(session, set_, -len(ids))


async def _count(session: AsyncSession, set_: int, change: int) -> None:
    counted = update(SETS).where(SETS.c.id == set_)
    await session.execute(counted.values(count=SETS.c.count + change))


async def _delete_sets(session: AsyncSession, which: Any, limit: int) -> int:
    """Delete up to `limit` rows of sets; when none is left, the sets, and return 0."""
    sets = select(SETS.c.id).where(which)
    rows = select(VECTORS.c.sequence).where(VECTORS.c.set.in_(sets)).limit(limit)
    statement = delete(VECTORS).where(VECTORS.c.sequence.in_(rows))
    result: Any = await session.execute(statement)
    if result.rowcount == 0:
        await session.execute(delete(SETS).where(which))
    return int(result.rowcount)


def _chunks(ids: Collection[str]) -> Iterator[list[bytes]]:
    packed = [id_.tobytes() for id_ in pack(list(ids))]
    for start in range(0, len(packed), _IDS):
        yield packed[start : start + _IDS]


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
