"""Vectors on a Postgres without pgvector: rows that a search reads and compares one by one."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    delete,
    false,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from kit.arrays import F32
from kit.database.engine import Database
from kit.vectors.base import (
    Neighbour,
    OwnedVectors,
    Space,
    WeightedVector,
    check_limit,
    combine,
    half,
    no_vectors,
    unit,
)
from kit.vectors.ids import pack
from kit.vectors.nearest import largest, nearest_among
from kit.vectors.spaces import SpaceTable

METADATA = MetaData()
ARRAY_SPACES = Table(
    "vector_array_spaces",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("active", Boolean, nullable=False, server_default=false()),
    Column("dropping", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("name", "version", name="uq_vector_array_spaces"),
)
"""Not those of pgvector: if it is installed later, its spaces begin empty."""
ARRAYS = Table(
    "vector_arrays",
    METADATA,
    Column("space", Integer, ForeignKey("vector_array_spaces.id"), primary_key=True),
    Column("owner", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)
"""Vectors in half precision, little-endian."""
_CHUNK = 5000
"""Rows that are read at a time: the driver turns them into objects on the event loop."""


class ArrayVectors:
    """Exact search without pgvector; see `kit.vectors.base.VectorStore`.

    A search reads all vectors of an owner in a space: half a second for 100,000 of 64 components.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._spaces = SpaceTable(database, ARRAY_SPACES)

    async def start(self) -> None:
        """Create the tables."""
        async with self._database.transaction() as session:
            await self._database.lock(session, "vectors")
            connection = await session.connection()
            await connection.run_sync(METADATA.create_all)

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
        """Remove a space step by step, its vectors first."""
        spaces = ARRAY_SPACES.c
        named = (spaces.name == space.name) & (spaces.version == space.version)
        mark = update(ARRAY_SPACES).where(named).values(dropping=True, active=False)
        number = (await session.execute(mark.returning(spaces.id))).scalar_one_or_none()
        if number is None:
            return 0
        removed = await _delete_some(session, ARRAYS.c.space == number, limit)
        if removed == 0:
            await session.execute(delete(ARRAY_SPACES).where(spaces.id == number))
        return removed

    async def put(
        self, session: AsyncSession, space: Space, owner: str, vectors: Mapping[str, F32]
    ) -> None:
        """Store vectors by id."""
        rows = half(vectors, space.dimension).astype("<f2")
        pack([owner, *vectors])
        number = await self._spaces.number(session, space)
        values = [
            {"space": number, "owner": owner, "id": id_, "vector": row.tobytes()}
            # Two transactions that store the same ids lock them in the same order.
            for id_, row in sorted(zip(vectors, rows, strict=True), key=lambda pair: pair[0])
        ]
        new = insert(ARRAYS)
        keys = ["space", "owner", "id"]
        if values:
            replaced = {"vector": new.excluded.vector}
            await session.execute(
                new.on_conflict_do_update(index_elements=keys, set_=replaced), values
            )

    async def remove(
        self, session: AsyncSession, space: Space, owner: str, ids: Collection[str]
    ) -> int:
        """Remove vectors; return how many of the ids the owner had."""
        pack([owner, *ids])
        number = await self._spaces.number(session, space)
        which = (ARRAYS.c.space == number) & (ARRAYS.c.owner == owner)
        held = select(ARRAYS.c.id).where(which, ARRAYS.c.id.in_(list(ids)))
        locked = list(await session.scalars(held.order_by(ARRAYS.c.id).with_for_update()))
        await session.execute(delete(ARRAYS).where(which, ARRAYS.c.id.in_(locked)))
        return len(locked)

    async def remove_owner(self, session: AsyncSession, owner: str, *, limit: int = 10_000) -> int:
        """Remove all vectors of an owner step by step."""
        return await _delete_some(session, ARRAYS.c.owner == owner, limit)

    async def get(self, space: Space, owner: str, ids: Collection[str]) -> dict[str, F32]:
        """Return the stored unit vectors of those ids that the owner has."""
        pack([owner, *ids])
        async with self._database.session() as session:
            which = await self._owned(session, space, owner)
            query = select(ARRAYS.c.id, ARRAYS.c.vector).where(which, ARRAYS.c.id.in_(list(ids)))
            rows = (await session.execute(query)).all()
        if not rows:
            return {}
        matrix = _matrix([row.vector for row in rows], space)
        return {row.id: vector for row, vector in zip(rows, matrix, strict=True)}

    async def read_all(self, space: Space, owner: str) -> OwnedVectors:
        """Return all of an owner's vectors."""
        ids: list[str] = []
        parts: list[F32] = []
        async with self._database.session() as session:
            which = await self._owned(session, space, owner)
            page = select(ARRAYS.c.id, ARRAYS.c.vector).where(which).order_by(ARRAYS.c.id)
            while True:
                later = page.where(ARRAYS.c.id > (ids[-1] if ids else "")).limit(_CHUNK)
                rows = (await session.execute(later)).all()
                if rows:
                    ids += [row.id for row in rows]
                    vectors = [row.vector for row in rows]
                    parts.append(await asyncio.to_thread(_matrix, vectors, space))
                if len(rows) < _CHUNK:
                    break
        if not ids:
            return no_vectors(space)
        return await asyncio.to_thread(lambda: OwnedVectors(pack(ids), np.concatenate(parts)))

    async def count(self, space: Space, owner: str) -> int:
        """Return how many vectors an owner has in a space."""
        async with self._database.session() as session:
            which = await self._owned(session, space, owner)
            query = select(func.count()).select_from(ARRAYS).where(which)
            return int((await session.execute(query)).scalar_one())

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
        pack([owner, *(allowed or ())])
        admitted = None if allowed is None else set(allowed)
        ids: list[str] = []
        scores: list[F32] = []
        async with self._database.session() as session:
            which = await self._owned(session, space, owner)
            page = select(ARRAYS.c.id, ARRAYS.c.vector).where(which).order_by(ARRAYS.c.id)
            after = ""
            while True:
                later = page.where(ARRAYS.c.id > after).limit(_CHUNK)
                rows = (await session.execute(later)).all()
                chosen = [row for row in rows if admitted is None or row.id in admitted]
                if chosen:
                    ids += [row.id for row in chosen]
                    vectors = [row.vector for row in chosen]
                    scores.append(await asyncio.to_thread(_scores, vectors, space, direction))
                if len(rows) < _CHUNK:
                    break
                after = rows[-1].id
        if not ids:
            return []
        every = np.concatenate(scores)
        return [
            Neighbour(ids[row], min(max(1.0 - float(every[row]), 0.0), 2.0))
            for row in largest(every, limit)
        ]

    async def nearest_of(
        self, space: Space, owner: str, ids: Collection[str], *, limit: int
    ) -> dict[str, list[Neighbour]]:
        """Return for each of some vectors of an owner the closest ones, itself among them."""
        check_limit(limit)
        owned = await self.read_all(space, owner)
        return await asyncio.to_thread(nearest_among, owned, ids, limit)

    async def clean_up(self) -> None:
        """Nothing to do: Postgres's autovacuum frees the room of removed rows."""

    async def close(self) -> None:
        """Nothing runs in the background."""

    async def _owned(self, session: AsyncSession, space: Space, owner: str) -> Any:
        number = await self._spaces.number(session, space)
        return (ARRAYS.c.space == number) & (ARRAYS.c.owner == owner)


async def _delete_some(session: AsyncSession, which: Any, limit: int) -> int:
    key = tuple_(ARRAYS.c.space, ARRAYS.c.owner, ARRAYS.c.id)
    some = select(ARRAYS.c.space, ARRAYS.c.owner, ARRAYS.c.id).where(which).limit(limit)
    result: Any = await session.execute(delete(ARRAYS).where(key.in_(some)))
    return int(result.rowcount)


def _matrix(vectors: Sequence[bytes], space: Space) -> F32:
    halves = np.frombuffer(b"".join(vectors), "<f2").reshape(-1, space.dimension)
    return unit(halves, space.dimension)


def _scores(vectors: Sequence[bytes], space: Space, direction: F32) -> F32:
    scores: F32 = _matrix(vectors, space) @ direction
    return scores
