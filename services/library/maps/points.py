"""Points of maps as bytes: as parts in the database, and as one answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.maps import GRID, MAGIC
from kit.arrays import F64
from kit.vectors.ids import Ids
from services.library.maps.tables import MapPartRow

Places = NDArray[np.uint16]
"""Coordinates x and y, 0 to `GRID`, `[count, 2]`."""
PART = 10_000
"""Points of a part: what is written again when a sound is placed."""


@dataclass(frozen=True, slots=True)
class Points:
    """Sounds and their places.

    As bytes: all ids, 16 bytes each, then x and y of each as little-endian integers of 16 bits.

    Attributes
    ----------
    ids
        Items, `[count, 16]`.
    places
        `[count, 2]`.
    """

    ids: Ids
    places: Places

    @classmethod
    def empty(cls) -> Self:
        """Return no points."""
        return cls(np.empty((0, 16), np.uint8), np.empty((0, 2), np.uint16))

    @classmethod
    def join(cls, parts: Sequence["Points"]) -> Self:
        """Return the points of all parts."""
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.places for part in parts]),
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        count = len(data) // 20
        ids = np.frombuffer(data, np.uint8, 16 * count).reshape(-1, 16)
        places = np.frombuffer(data, "<u2", 2 * count, 16 * count).reshape(-1, 2)
        return cls(ids, places.astype(np.uint16))

    def to_bytes(self) -> bytes:
        """Return the bytes of a part."""
        return self.ids.tobytes() + self.places.astype("<u2").tobytes()

    def chosen(self, which: NDArray[np.generic]) -> "Points":
        """Return some of the points, by a mask or by positions."""
        return Points(self.ids[which], self.places[which])


def on_grid(places: F64) -> Places:
    """Return places in the unit square `[count, 2]` as whole numbers."""
    return np.rint(np.clip(places, 0.0, 1.0) * GRID).astype(np.uint16)


def as_keys(ids: Ids) -> NDArray[np.bytes_]:
    """Return ids as one value each, which can be compared and sorted: `[count]`."""
    return np.ascontiguousarray(ids).view("S16")[:, 0]


def to_answer(points: Points, classes: NDArray[np.uint8]) -> bytes:
    """Return points as clients read them.

    `CDM1`, the count as 32 bits, all ids of 16 bytes, all x and then all y of 16 bits, and all
    numbers of classes of 8 bits; integers are little-endian.
    """
    columns = points.places.T.astype("<u2")
    return b"".join(
        (
            MAGIC,
            len(points.ids).to_bytes(4, "little"),
            points.ids.tobytes(),
            columns.tobytes(),
            classes.tobytes(),
        )
    )


async def read_parts(session: AsyncSession, map_: str) -> list[bytes]:
    """Return the parts of a map's points, one by one, in their order."""
    part = MapPartRow
    numbers = select(col(part.number)).where(col(part.map) == map_).order_by(col(part.number))
    data = []
    for number in list(await session.scalars(numbers)):
        query = select(col(part.data)).where(col(part.map) == map_, col(part.number) == number)
        data.append((await session.execute(query)).scalar_one())
    return data


async def write_parts(session: AsyncSession, map_: str, parts: Sequence[bytes], first: int) -> None:
    """Write the parts of a map from a number on, in place of those that it has."""
    part = MapPartRow
    old = delete(part).where(col(part.map) == map_, col(part.number) >= first)
    await session.execute(old.execution_options(synchronize_session=False))
    for number, data in enumerate(parts, start=first):
        await session.execute(insert(part).values(map=map_, number=number, data=data))


def split(points: Points) -> list[bytes]:
    """Return points as the bytes of parts."""
    return list(_split(points))


def _split(points: Points) -> Iterator[bytes]:
    for start in range(0, len(points.ids), PART):
        yield Points(
            points.ids[start : start + PART], points.places[start : start + PART]
        ).to_bytes()
