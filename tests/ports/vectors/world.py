"""A vector store for tests, and what it should find."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from kit.arrays import F32
from kit.clock import new_id
from kit.database.engine import Database
from kit.vectors.base import Neighbour, Space, VectorStore, WeightedVector

SPACE = Space("timbre", "1", 8)


@dataclass
class World:
    """A store and its database."""

    store: VectorStore
    database: Database

    async def put(self, space: Space, owner: str, vectors: Mapping[str, F32]) -> None:
        """Store vectors in a transaction of their own."""
        async with self.database.transaction() as session:
            await self.store.put(session, space, owner, vectors)

    async def remove(self, space: Space, owner: str, ids: Collection[str]) -> int:
        """Remove vectors in a transaction of their own."""
        async with self.database.transaction() as session:
            return await self.store.remove(session, space, owner, ids)

    async def remove_owner(self, owner: str, *, limit: int = 1000) -> int:
        """Remove an owner; return how many steps had something to do."""
        steps = 0
        while True:
            async with self.database.transaction() as session:
                if await self.store.remove_owner(session, owner, limit=limit) == 0:
                    return steps
            steps += 1

    async def drop(self, space: Space, *, limit: int = 1000) -> None:
        """Drop a space in as many steps as it takes."""
        while True:
            async with self.database.transaction() as session:
                if await self.store.drop(session, space, limit=limit) == 0:
                    return

    async def search(
        self,
        owner: str,
        vector: F32,
        limit: int = 10,
        *,
        space: Space = SPACE,
        allowed: Collection[str] | None = None,
    ) -> list[Neighbour]:
        """Search by one vector."""
        query = [WeightedVector(vector)]
        return await self.store.search(space, owner, query, limit=limit, allowed=allowed)


def owner() -> str:
    """Return a new owner."""
    return new_id()


def random_vectors(count: int, dimension: int = SPACE.dimension, seed: int = 0) -> dict[str, F32]:
    """Return vectors by new ids."""
    matrix = np.random.default_rng(seed).standard_normal((count, dimension), dtype=np.float32)
    return {new_id(): vector for vector in matrix}


def brute_force(
    vectors: Mapping[str, F32], query: F32, limit: int, allowed: Collection[str] | None = None
) -> list[Neighbour]:
    """Return the nearest vectors, in double precision and without any index."""
    names = [id_ for id_ in vectors if allowed is None or id_ in set(allowed)]
    distances = [
        1 - float(v @ q) / float(np.linalg.norm(v) * np.linalg.norm(q))
        for v, q in ((vectors[id_].astype(np.float64), query.astype(np.float64)) for id_ in names)
    ]
    order = np.argsort(distances, kind="stable")[:limit]
    return [Neighbour(names[n], distances[n]) for n in order]


def assert_same(result: list[Neighbour], expected: list[Neighbour]) -> None:
    """Check ids where distances are clearly apart, and distances to the precision of storage."""
    assert len(result) == len(expected)
    distances = [neighbour.distance for neighbour in result]
    assert distances == sorted(distances)
    np.testing.assert_allclose(distances, [n.distance for n in expected], atol=1e-3)
    by_id = {neighbour.id: neighbour.distance for neighbour in expected}
    last = expected[-1].distance if expected else 0.0
    for neighbour in result:
        # Only one that is as far as the last one may stand in for it.
        near = by_id.get(neighbour.id, last)
        assert abs(neighbour.distance - near) < 1e-3
    assert len({neighbour.id for neighbour in result}) == len(result)
