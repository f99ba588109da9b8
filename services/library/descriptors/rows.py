"""Rows of a descriptor table, read from the library some at a time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.arrays import F32
from kit.database.engine import Database
from kit.vectors.base import Space
from services.library.catalogue.repository import being_deleted
from services.library.catalogue.tables import ItemRow
from services.library.descriptors.columns import COLUMNS
from services.library.search.columns import microseconds
from services.library.search.fulltext import DocumentIds
from services.library.search.tables import SearchDocumentRow, SearchTagRow
from services.library.similarity.sound_vectors import SoundVectors
from services.library.similarity.tables import SoundRow

AT_ONCE = 500
"""Rows that are read at a time: the driver turns them into objects on the event loop."""

_document = SearchDocumentRow


def _source(name: str) -> Any:
    """Return what a column is read from."""
    if name == "name":
        return col(ItemRow.name)
    return col(getattr(_document, "sound_class" if name == "class" else name))


_SELECTED = (
    col(_document.id),
    col(SoundRow.space),
    col(SoundRow.version),
    col(SoundRow.dimension),
    *(_source(column.name) for column in COLUMNS),
)


@dataclass(frozen=True, slots=True)
class DescriptorRows:
    """Some rows of a descriptor table.

    Attributes
    ----------
    values
        The values of each column of `COLUMNS`, `[rows]`.
    tags
        The tags of each row, sorted.
    spaces
        The vector space of each row, `None` for an item without a vector.
    vectors
        The unit vector `[dimension]` of each row that has one.
    """

    values: dict[str, list[Any]]
    tags: list[list[str]]
    spaces: list[Space | None]
    vectors: list[F32 | None]

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.tags)


async def read_rows(
    database: Database,
    vectors: SoundVectors | None,
    owner: str,
    documents: DocumentIds,
) -> AsyncIterator[DescriptorRows]:
    """Yield the rows of an owner's documents; items that were removed meanwhile are left out.

    Parameters
    ----------
    vectors
        Where vectors are read from; `None` leaves them out.
    documents
        Ids of search documents, `[documents]`.
    """
    for first in range(0, len(documents), AT_ONCE):
        ids = documents[first : first + AT_ONCE].tolist()
        # A session for each part: a slow reader holds no connection.
        async with database.session() as session:
            selected = await _read(session, owner, ids)
            tags = await _tags_of(session, ids)
        spaces = [Space(*row[1:4]) if row[1] is not None else None for row in selected]
        items = [row[4] for row in selected]
        stored = await _vectors_of(vectors, owner, items, spaces) if vectors else {}
        yield await asyncio.to_thread(_rows, selected, tags, spaces, stored)


async def _read(session: AsyncSession, owner: str, ids: list[int]) -> list[Any]:
    query = (
        select(*_SELECTED)
        .join(ItemRow, col(ItemRow.id) == col(_document.item))
        .outerjoin(SoundRow, col(SoundRow.item) == col(_document.item))
        .where(
            col(_document.id).in_(ids),
            col(_document.owner) == owner,
            ~col(_document.removed),
            col(ItemRow.id).not_in(being_deleted(owner)),
        )
        .order_by(col(_document.id))
    )
    return list((await session.execute(query)).all())


async def _tags_of(session: AsyncSession, ids: list[int]) -> dict[int, list[str]]:
    query = select(col(SearchTagRow.document), col(SearchTagRow.tag)).distinct()
    query = query.where(col(SearchTagRow.document).in_(ids)).order_by(col(SearchTagRow.tag))
    tags: dict[int, list[str]] = {}
    for document, tag in (await session.execute(query)).all():
        tags.setdefault(document, []).append(tag)
    return tags


async def _vectors_of(
    vectors: SoundVectors, owner: str, items: list[str], spaces: list[Space | None]
) -> dict[str, F32]:
    stored: dict[str, F32] = {}
    for space in {space for space in spaces if space is not None}:
        of_space = [item for item, own in zip(items, spaces, strict=True) if own == space]
        stored |= await vectors.vectors_in(owner, space, of_space)
    return stored


def _rows(
    selected: list[Any],
    tags: dict[int, list[str]],
    spaces: list[Space | None],
    stored: dict[str, F32],
) -> DescriptorRows:
    values = {
        column.name: [row[place] for row in selected]
        for place, column in enumerate(COLUMNS, start=4)
    }
    values["created"] = [microseconds(time) for time in values["created"]]
    vectors = [stored.get(item) for item in values["item"]]
    # Of an item whose vector was removed meanwhile there is no space either.
    kept = [
        own if vector is not None else None for own, vector in zip(spaces, vectors, strict=True)
    ]
    return DescriptorRows(values, [tags.get(row[0], []) for row in selected], kept, vectors)
