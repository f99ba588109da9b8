"""A flat index: one owner's vectors in one space, compared with a query one by one.

Most rows are mapped from files, new ones are in memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from kit.vectors.base import unit
from kit.vectors.files import FileHeader, StoredVectors
from kit.vectors.ids import IdIndex, Ids, Rows
from kit.vectors.nearest import largest, nearest_rows, scores_of

VectorChange = tuple[int, bytes, bytes | None]
"""A sequence, a UUID, and its vector in half precision, or none if it was removed."""

_GATHER_SHARE = 8
"""Up to an eighth of all rows, copying the allowed rows is faster than reading all of them."""


Scalar = TypeVar("Scalar", bound=np.generic)


class GrowingRows(Generic[Scalar]):
    """Rows that are appended to; views of earlier rows stay as they are."""

    def __init__(self, rows: NDArray[Scalar]) -> None:
        self._buffer = rows
        self._count = len(rows)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self._buffer.nbytes

    def append(self, rows: NDArray[Scalar]) -> None:
        """Add rows behind the last one."""
        needed = self._count + len(rows)
        if needed > len(self._buffer):
            capacity = max(needed, len(self._buffer) * 3 // 2, 64)
            grown = np.empty((capacity, *self._buffer.shape[1:]), self._buffer.dtype)
            grown[: self._count] = self.rows
            self._buffer = grown
        self._buffer[self._count : needed] = rows
        self._count = needed

    @property
    def rows(self) -> NDArray[Scalar]:
        """A view of all rows."""
        return self._buffer[: self._count]


@dataclass(frozen=True, slots=True)
class FlatIndex:
    """The vectors at one state of the database; changes make another index, this one stays.

    The rows of the files come first, `header.rows` of them, then those in memory.
    """

    header: FileHeader | None
    sequence: int
    """The last change that is included."""
    stored: F32
    recent: F32
    ids: Ids
    alive: NDArray[np.bool_]
    id_index: IdIndex
    live: int
    """How many rows are alive."""

    def nearest(
        self, query: F32, limit: int, allowed: Ids | None = None
    ) -> tuple[Ids, NDArray[np.float32]]:
        """Return ids and distances of the nearest vectors, the closest first.

        Parameters
        ----------
        query
            A unit vector `[dimension]`.
        limit
            How many to return; fewer if fewer are alive and allowed.
        allowed
            Only these may be returned.
        """
        rows: Rows | None = None
        if allowed is not None:
            rows = np.unique(self.id_index.find(allowed, self.ids))
            rows = rows[rows >= 0]
            rows = rows[self.alive[rows]]
        if rows is not None and len(rows) * _GATHER_SHARE <= len(self.alive):
            scores = self._scores_of(rows, query)
            order = largest(scores, limit)
            chosen = rows[order]
        else:
            scores = np.concatenate((self.stored @ query, self.recent @ query))
            kept = self.alive
            if rows is not None:
                kept = np.zeros(len(self.alive), np.bool_)
                kept[rows] = True
            if self.live < len(self.alive) or rows is not None:
                scores[~kept] = -np.inf
            order = chosen = largest(scores, limit)
        return self.ids[chosen], np.clip(1 - scores[order], 0, 2)

    def nearest_of(self, ids: Ids, limit: int) -> Iterator[tuple[Ids, Ids, F32]]:
        """Yield those ids that are here, each with ids and distances of the nearest vectors."""
        held, queries = self.vectors(ids)
        dead = np.flatnonzero(~self.alive)
        near = nearest_rows(queries, (self.stored, self.recent), limit, dead)
        for id_, (rows, distances) in zip(held, near, strict=True):
            yield id_, self.ids[rows], distances

    def vectors(self, ids: Ids) -> tuple[Ids, F32]:
        """Return those ids that are here, and their unit vectors."""
        rows = self.id_index.find(ids, self.ids)
        rows = rows[rows >= 0]
        rows = rows[self.alive[rows]]
        split = len(self.stored)
        matrix = np.empty((len(rows), self.stored.shape[1]), np.float32)
        matrix[rows < split] = self.stored[rows[rows < split]]
        matrix[rows >= split] = self.recent[rows[rows >= split] - split]
        return self.ids[rows], matrix

    def living(self) -> tuple[Ids, F32]:
        """Return all ids that are alive, and their unit vectors."""
        matrix = self.stored
        if len(self.recent):
            matrix = np.concatenate((self.stored, self.recent))
        if self.live == len(self.alive):
            return self.ids, matrix
        return self.ids[self.alive], matrix[self.alive]

    def _scores_of(self, rows: Rows, query: F32) -> F32:
        split = len(self.stored)  # The rows are sorted.
        at = int(np.searchsorted(rows, split))
        return np.concatenate(
            (
                scores_of(self.stored, query, rows[:at]),
                scores_of(self.recent, query, rows[at:] - split),
            )
        )


class FlatIndexBuilder:
    """Makes flat indexes: the first from files, then one after each batch of changes."""

    def __init__(self, dimension: int, stored: StoredVectors | None) -> None:
        self.dimension = dimension
        self.purged = stored.header.purged if stored else 0
        self.removals = 0
        """Removals that were read from the database."""
        empty = np.empty((0, dimension), np.float32)
        ids = stored.ids if stored else np.empty((0, 16), np.uint8)
        alive = np.ones(len(ids), np.bool_)
        if stored:
            alive[stored.dead] = False
        live = np.flatnonzero(alive)
        self._ids = GrowingRows(ids)
        self._recent = GrowingRows(empty)
        self.index = FlatIndex(
            header=stored.header if stored else None,
            sequence=stored.header.sequence if stored else 0,
            stored=stored.matrix if stored else empty,
            recent=empty,
            ids=ids,
            alive=alive,
            id_index=IdIndex.build(ids[live], live),
            live=len(live),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of this process's memory; mapped rows belong to the system's cache."""
        alive = self.index.alive.nbytes
        return self._ids.nbytes + self._recent.nbytes + alive + self.index.id_index.nbytes

    def apply(self, changes: Sequence[VectorChange]) -> None:
        """Include changes, each of another id, in the order of their sequence."""
        before = self.index
        ids = np.frombuffer(b"".join(id_ for _, id_, _ in changes), np.uint8).reshape(-1, 16)
        has_vector = np.array([vector is not None for _, _, vector in changes], np.bool_)
        self.removals += len(changes) - int(has_vector.sum())
        replaced = before.id_index.find(ids, before.ids)
        replaced = replaced[replaced >= 0]
        replaced = replaced[before.alive[replaced]]
        added = ids[has_vector]
        halves = b"".join(vector for _, _, vector in changes if vector is not None)
        matrix = np.frombuffer(halves, "<f2").reshape(-1, self.dimension)
        alive = np.concatenate((before.alive, np.ones(len(added), np.bool_)))
        alive[replaced] = False
        first = len(before.alive)
        rows = np.arange(first, first + len(added))
        self._ids.append(added)
        self._recent.append(unit(matrix, self.dimension))
        self.index = replace(
            before,
            sequence=changes[-1][0],
            recent=self._recent.rows,
            ids=self._ids.rows,
            alive=alive,
            id_index=before.id_index.updated(added, rows, before.ids)
            if len(added)
            else before.id_index,
            live=before.live + len(added) - len(replaced),
        )

    def stored(self, header: FileHeader, matrix: F32) -> None:
        """Note that all rows are in the files now; `matrix` are the mapped rows."""
        self._recent = GrowingRows(np.empty((0, self.dimension), np.float32))
        recent = self._recent.rows
        self.index = replace(self.index, header=header, stored=matrix, recent=recent)
