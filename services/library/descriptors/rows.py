"""Rows of a descriptor table, read from the library some at a time."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.arrays import F32
from kit.database.engine import Database
from kit.database.plans import unindexed
from kit.vectors.base import Space
from services.library.catalogue.repository import being_deleted
from services.library.catalogue.tables import ItemRow
from services.library.descriptors.columns import COLUMNS
from services.library.search.columns import microseconds
from services.library.search.documents import tags_of
from services.library.search.fulltext import DocumentIds
from services.library.search.tables import SearchDocumentRow
from services.library.similarity.sound_vectors import SoundVectors

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
    vectors
        The space and the unit vector `[dimension]` of each row, `None` for an item without one.
    """

    values: dict[str, list[Any]]
    tags: list[list[str]]
    vectors: list[tuple[Space, F32] | None]

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
            tags = await tags_of(session, ids)
        items = [row[1] for row in selected]
        stored = await vectors.vectors_of(owner, items) if vectors else {}
        yield await asyncio.to_thread(_rows, selected, tags, stored)


async def _read(session: AsyncSession, owner: str, ids: list[int]) -> list[Any]:
    query = (
        select(*_SELECTED)
        .join(ItemRow, col(ItemRow.id) == col(_document.item))
        .where(
            col(_document.id).in_(ids),
            unindexed(col(_document.owner)) == owner,
            ~col(_document.removed),
            col(ItemRow.id).not_in(being_deleted(owner)),
        )
        .order_by(col(_document.id))
    )
    return list((await session.execute(query)).all())


def _rows(
    selected: Sequence[Any],
    tags: Mapping[int, Sequence[str]],
    stored: Mapping[Space, Mapping[str, F32]],
) -> DescriptorRows:
    values = {
        column.name: [row[place] for row in selected]
        for place, column in enumerate(COLUMNS, start=1)
    }
    values["created"] = [microseconds(time) for time in values["created"]]
    values["rating"] = [stars or 0 for stars in values["rating"]]
    by_item = {
        item: (space, vector)
        for space, vectors in stored.items()
        for item, vector in vectors.items()
    }
    return DescriptorRows(
        values,
        # A tag of the user and of the machine is one.
        [list(dict.fromkeys(tags.get(row[0], ()))) for row in selected],
        [by_item.get(item) for item in values["item"]],
    )
