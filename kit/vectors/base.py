"""The vector port: spaces, neighbours, and the store of vectors."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from kit.arrays import F32
from kit.vectors.ids import Ids

F16 = NDArray[np.float16]

MAX_DIMENSION = 2000
"""A halfvec of this many components still fits in a page of Postgres next to its keys."""
MAX_LIMIT = 10_000
"""Neighbours that one search may return."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


class UnknownSpace(LookupError):
    """No such vector space exists, or it is being dropped."""


@dataclass(frozen=True, slots=True)
class Space:
    """A vector space: vectors are only comparable with others of the same space.

    Parameters
    ----------
    name
        What the vectors describe, such as `timbre`; lower-case letters, digits, `.`, `_`, `-`.
    version
        Which network or formula computes them. A new one is a new space: it is filled while
        searches go on in the old one.
    dimension
        Components of a vector, 1 to `MAX_DIMENSION`.
    """

    name: str
    version: str
    dimension: int

    def __post_init__(self) -> None:
        for text in (self.name, self.version):
            if not _NAME.fullmatch(text):
                raise ValueError(f"{text!r} cannot name a vector space or its version")
        if not 1 <= self.dimension <= MAX_DIMENSION:
            raise ValueError(f"a vector has 1 to {MAX_DIMENSION} components, not {self.dimension}")


@dataclass(frozen=True, slots=True)
class WeightedVector:
    """A part of a query: a vector `[dimension]` and a weight; a negative weight subtracts it."""

    vector: F32
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class OwnedVectors:
    """All vectors of an owner in a space: ids `[count, 16]` and unit vectors `[count, dimension]`.

    The arrays may be views of mapped files; they stay as they are while the store goes on.
    """

    ids: Ids
    vectors: F32


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A vector's id, and its distance from the query: 1 − cosine, in [0, 2]."""

    id: str
    distance: float


class VectorStore(Protocol):
    """Vectors by space, owner and id.

    Vectors are normalised to unit length and stored at half precision (IEEE 754 binary16), as the
    query is. Distances are those of the stored vectors; they differ from the distances of the
    originals by less than 0.001, typically by less than 0.0001. Ids and owners are UUIDs as text.

    Whatever writes takes a session of the database that the store was opened with: searches of
    every process see the change once its transaction has committed, and never if it has not.
    Searches and look-ups read what is committed. All methods raise `DatabaseUnavailable` if the
    database cannot be used now, and `UnknownSpace` for a space that `ensure` has not created.
    """

    async def start(self) -> None:
        """Create what the store needs in its database. Concurrent starts wait for each other.

        Raises
        ------
        StartRefused
            The database lacks what the store needs; the message says what to install.
        """
        ...

    async def ensure(self, space: Space) -> None:
        """Create a space if it does not exist. The first version of a name becomes active.

        Raises
        ------
        ValueError
            It exists with another dimension.
        """
        ...

    async def spaces(self) -> list[Space]:
        """Return all spaces in the order of their creation."""
        ...

    async def active(self, name: str) -> Space:
        """Return the version of a space that searches are meant to use."""
        ...

    async def activate(self, session: AsyncSession, space: Space) -> None:
        """Make this version of a space the active one."""
        ...

    async def drop(self, session: AsyncSession, space: Space, *, limit: int = 10_000) -> int:
        """Remove a space step by step; it is unknown from the first commit on.

        Returns the number of rows that this step removed, at most `limit`; call it, each time in a
        new transaction, until that is 0. A space that does not exist needs no step.
        """
        ...

    async def put(
        self, session: AsyncSession, space: Space, owner: str, vectors: Mapping[str, F32]
    ) -> None:
        """Store vectors `[dimension]` by id; a vector that the owner has under an id is replaced.

        Raises
        ------
        ValueError
            A vector has another dimension, no length, or a component that is not finite.
        """
        ...

    async def remove(
        self, session: AsyncSession, space: Space, owner: str, ids: Collection[str]
    ) -> int:
        """Remove vectors; return how many of the ids the owner had."""
        ...

    async def remove_owner(self, session: AsyncSession, owner: str, *, limit: int = 10_000) -> int:
        """Remove all vectors of an owner step by step; see `drop` for the steps."""
        ...

    async def get(self, space: Space, owner: str, ids: Collection[str]) -> dict[str, F32]:
        """Return the stored unit vectors `[dimension]` of those ids that the owner has."""
        ...

    async def read_all(self, space: Space, owner: str) -> "OwnedVectors":
        """Return all of an owner's vectors in a space, in no particular order."""
        ...

    async def count(self, space: Space, owner: str) -> int:
        """Return how many vectors an owner has in a space."""
        ...

    async def search(
        self,
        space: Space,
        owner: str,
        query: Sequence[WeightedVector],
        *,
        limit: int,
        allowed: Collection[str] | None = None,
    ) -> list[Neighbour]:
        """Return an owner's vectors that are closest to a query, the closest first.

        Exactly `limit` neighbours are returned if the owner has that many (allowed) vectors, and
        all of them otherwise. Vectors at the same distance come in no particular order.

        Parameters
        ----------
        query
            See `combine`.
        limit
            1 to `MAX_LIMIT`.
        allowed
            Only these ids may be returned; those that the owner does not have are ignored.

        Raises
        ------
        ValueError
            The query has no direction or another dimension, or the limit is out of range.
        """
        ...

    async def nearest_of(
        self, space: Space, owner: str, ids: Collection[str], *, limit: int
    ) -> dict[str, list[Neighbour]]:
        """Return for each of some vectors of an owner the closest ones, itself among them.

        As a `search` by each, at less cost. Ids that the owner does not have are left out.

        Raises
        ------
        ValueError
            The limit is out of range.
        """
        ...

    async def clean_up(self) -> None:
        """Delete files of spaces and owners that were removed; `start` does so, too."""
        ...

    async def close(self) -> None:
        """Wait for what runs in the background; the database stays open."""
        ...


def unit(vectors: NDArray[Any], dimension: int) -> F32:
    """Return vectors `[count, dimension]` scaled to unit length.

    Raises
    ------
    ValueError
        A vector has another dimension, no length, or a component that is not finite.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise ValueError(f"vectors of {dimension} components are needed, not {rows.shape[1:]}")
    largest = np.abs(rows).max(axis=1, initial=0.0, keepdims=True)
    if not np.isfinite(largest).all():
        raise ValueError("a vector has a component that is not finite")
    if not largest.all():
        raise ValueError("a vector of zeros has no direction")
    rows = rows / largest  # Squares of very large and very small numbers would not be finite.
    scaled: F32 = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def half(vectors: Mapping[str, F32], dimension: int) -> F16:
    """Return vectors as they are stored: `[count, dimension]`, unit length, half precision.

    Raises
    ------
    ValueError
        As `unit`.
    """
    if not vectors:
        return np.empty((0, dimension), np.float16)
    shapes = {np.shape(vector) for vector in vectors.values()}
    if shapes != {(dimension,)}:
        raise ValueError(f"vectors of {dimension} components are needed, not {sorted(shapes)}")
    return unit(np.stack(list(vectors.values())), dimension).astype(np.float16)


def combine(query: Sequence[WeightedVector], dimension: int) -> F32:
    """Return the unit vector `[dimension]` of a query, rounded to half precision.

    Each vector is scaled to unit length; their weighted sum gives the direction.

    Raises
    ------
    ValueError
        The weighted vectors cancel out, there are none, or one cannot be scaled.
    """
    if not query:
        raise ValueError("a query needs at least one vector")
    weights = np.array([part.weight for part in query], np.float64)
    total = weights @ unit(np.stack([part.vector for part in query]), dimension)
    if not np.isfinite(total).all() or np.linalg.norm(total) <= 1e-6 * np.abs(weights).sum():
        raise ValueError("the weighted vectors of the query cancel out")
    rounded = unit(total[None], dimension).astype(np.float16)
    direction: F32 = unit(rounded, dimension)[0]
    return direction


def no_vectors(space: Space) -> OwnedVectors:
    """Return what an owner without vectors has in a space."""
    return OwnedVectors(np.empty((0, 16), np.uint8), np.empty((0, space.dimension), np.float32))


def check_limit(limit: int) -> None:
    """Raise `ValueError` for a number of neighbours that no search returns."""
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"a search returns 1 to {MAX_LIMIT} neighbours, not {limit}")
