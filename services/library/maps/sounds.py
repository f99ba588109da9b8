"""The sounds that a map shows: samples of one vector space, all or those of a collection."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.maps import CLASSES, NO_CLASS
from contracts.tagging import VectorSpace
from kit.arrays import F32
from kit.database.engine import Database
from kit.vectors.base import Space
from kit.vectors.ids import Ids, pack, unpack
from services.library.catalogue.repository import being_deleted
from services.library.collections.tables import CollectionItemRow
from services.library.maps.tables import MapRow
from services.library.search.tables import SearchDocumentRow
from services.library.similarity.sound_vectors import SoundVectors
from services.library.similarity.tables import SoundRow

_PAGE = 5000
"""Ids that are read at a time: the driver turns them into objects on the event loop."""
VECTORS_AT_ONCE = 2000
"""Vectors that are read at a time, for the same reason."""


async def space_of(session: AsyncSession, row: MapRow) -> tuple[Space | None, int]:
    """Return the space that most samples of a map have a vector in, and how many have."""
    version, dimension = col(SoundRow.version), col(SoundRow.dimension)
    query = (
        select(version, dimension, func.count())
        .where(*_shown(row))
        .group_by(version, dimension)
        .order_by(func.count().desc(), version.desc())
        .limit(1)
    )
    first = (await session.execute(query)).one_or_none()
    return (Space(VectorSpace.SAMPLE, first[0], first[1]), first[2]) if first else (None, 0)


async def sounds_in(session: AsyncSession, row: MapRow, version: str) -> Ids:
    """Return the samples of a map that have a vector of a version, `[count, 16]`, sorted."""
    item = col(SoundRow.item)
    query = (
        select(item)
        .where(*_shown(row), col(SoundRow.version) == version)
        .order_by(item)
        .limit(_PAGE)
    )
    parts: list[Ids] = [np.empty((0, 16), np.uint8)]
    after = ""
    while True:
        items = list(await session.scalars(query.where(item > after)))
        if items:
            parts.append(pack(items))
            after = items[-1]
        if len(items) < _PAGE:
            return np.concatenate(parts)


async def vectors_of(
    vectors: SoundVectors, owner: str, space: Space, ids: Ids
) -> tuple[NDArray[np.bool_], F32]:
    """Return which of up to `VECTORS_AT_ONCE` sounds have a vector, and these vectors.

    Returns
    -------
    known
        `[count]`.
    matrix
        Unit vectors in the order of the ids, `[known, dimension]`.
    """
    items = unpack(ids)
    stored = await vectors.vectors_in(owner, space, items)
    known = np.array([item in stored for item in items], np.bool_)
    if not known.any():
        return known, np.empty((0, space.dimension), np.float32)
    return known, np.stack([stored[item] for item in items if item in stored])


async def read_sounds(
    database: Database, vectors: SoundVectors, owner: str, space: Space, ids: Ids
) -> tuple[Ids, F32, NDArray[np.uint8]]:
    """Return those of some sounds that have a vector: ids, unit vectors, numbers of classes."""
    matrix = np.empty((len(ids), space.dimension), np.float32)
    classes = np.full(len(ids), NO_CLASS, np.uint8)
    kept = np.zeros(len(ids), np.bool_)
    for start in range(0, len(ids), VECTORS_AT_ONCE):
        part = slice(start, start + VECTORS_AT_ONCE)
        known, read = await vectors_of(vectors, owner, space, ids[part])
        kept[part] = known
        matrix[part][known] = read
        classes[part] = await _classes_of(database, unpack(ids[part]))
    return ids[kept], matrix[kept], classes[kept]


async def _classes_of(database: Database, items: Sequence[str]) -> list[int]:
    document = SearchDocumentRow
    query = select(col(document.item), col(document.sound_class)).where(
        col(document.item).in_(items)
    )
    async with database.session() as session:
        by_item = dict((await session.execute(query)).all())
    numbers = {name.value: number for number, name in enumerate(CLASSES)}
    return [numbers.get(by_item.get(item) or "", NO_CLASS) for item in items]


def _shown(row: MapRow) -> tuple[Any, ...]:
    sound = SoundRow
    conditions = [
        col(sound.owner) == row.owner,
        col(sound.space) == VectorSpace.SAMPLE.value,
        col(sound.item).not_in(being_deleted(row.owner)),
    ]
    if row.collection is not None:
        members = select(col(CollectionItemRow.item)).where(
            col(CollectionItemRow.collection) == row.collection
        )
        conditions.append(col(sound.item).in_(members))
    return tuple(conditions)
