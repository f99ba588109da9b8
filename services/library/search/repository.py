"""Search rows as one owner may have them."""

from collections.abc import Collection

import numpy as np
from sqlalchemy import BigInteger, bindparam, literal, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.database.engine import database_of
from kit.database.plans import unindexed
from services.library.catalogue.repository import being_deleted
from services.library.catalogue.tables import DeletionRow, ItemRow
from services.library.collections.tables import CollectionItemRow, CollectionRow
from services.library.search.fulltext import DocumentIds, decode_ids
from services.library.search.tables import SearchDocumentRow, SearchTagRow

MAX_SONGS = 500
"""Songs that one name may find."""

FoundRow = tuple[SearchDocumentRow, ItemRow, list[SearchTagRow]]
"""A result: its document, item and tags."""

_BY_NAME_SQLITE = text(
    "SELECT group_concat(id) FROM"
    " (SELECT id FROM search_documents WHERE owner = :owner ORDER BY name_key, id)"
)
_BY_NAME_POSTGRES = text(
    "SELECT string_agg(int8send(id), '') FROM"
    " (SELECT id FROM search_documents WHERE owner = :owner ORDER BY name_key, id) AS named"
)
_IS_DELETING = (
    select(col(DeletionRow.id))
    .where(col(DeletionRow.owner) == bindparam("owner"), col(DeletionRow.item).is_not(None))
    .limit(1)
)


async def deleting_documents(session: AsyncSession, owner: str) -> DocumentIds:
    """Return the documents of items whose deletion is under way."""
    if (await session.execute(_IS_DELETING, {"owner": owner})).first() is None:
        return np.empty(0, np.int64)
    document = SearchDocumentRow
    query = select(col(document.id)).where(
        col(document.owner) == owner, col(document.item).in_(being_deleted(owner))
    )
    return np.array(list(await session.scalars(query)), np.int64)


async def songs_named(session: AsyncSession, ids: DocumentIds) -> list[str]:
    """Return which of some documents' items have no parent, and others were cut from them."""
    if not len(ids):
        return []
    document = SearchDocumentRow
    has_children = select(col(ItemRow.id)).where(col(ItemRow.parent) == col(document.item)).exists()
    query = (
        select(col(document.item))
        .where(col(document.id).in_(ids.tolist()), col(document.song).is_(None), has_children)
        .limit(MAX_SONGS)
    )
    return list(await session.scalars(query))


async def documents_in(
    session: AsyncSession, owner: str, collections: Collection[str]
) -> DocumentIds:
    """Return an owner's documents whose items one of the owner's collections holds."""
    document, member = SearchDocumentRow, CollectionItemRow
    query = (
        select(col(document.id))
        .join(member, col(member.item) == col(document.item))
        .join(CollectionRow, col(CollectionRow.id) == col(member.collection))
        .where(
            col(member.collection).in_(collections),
            col(CollectionRow.owner) == owner,
            col(document.owner) == owner,
        )
        .distinct()
    )
    return np.array(list(await session.scalars(query)), np.int64)


async def ids_by_name(session: AsyncSession, owner: str) -> DocumentIds:
    """Return the ids of an owner's documents in the order of their names."""
    statement = _BY_NAME_SQLITE if database_of(session).sqlite else _BY_NAME_POSTGRES
    return await decode_ids(await session.scalar(statement, {"owner": owner}))


async def next_by_name(
    session: AsyncSession, owner: str, name_key: str, id_: int, *, descending: bool
) -> int | None:
    """Return the document that follows a name and an id in the order of names, if there is one."""
    document = SearchDocumentRow
    place = tuple_(col(document.name_key), col(document.id))
    cursor = tuple_(literal(name_key), literal(id_, BigInteger))
    query = select(col(document.id)).where(col(document.owner) == owner)
    if descending:
        query = query.where(place < cursor)
        query = query.order_by(col(document.name_key).desc(), col(document.id).desc())
    else:
        query = query.where(place > cursor).order_by(col(document.name_key), col(document.id))
    return (await session.execute(query.limit(1))).scalar_one_or_none()


async def documents_of(session: AsyncSession, owner: str, ids: DocumentIds) -> list[FoundRow]:
    """Return documents with their items and tags, in the order of `ids`.

    Documents of items that were removed meanwhile are left out.
    """
    listed = ids.tolist()
    query = select(SearchDocumentRow).where(
        unindexed(col(SearchDocumentRow.owner)) == owner,
        col(SearchDocumentRow.id).in_(listed),
        ~col(SearchDocumentRow.removed),
    )
    documents = {document.id: document for document in await session.scalars(query)}
    of_items = select(ItemRow).where(
        unindexed(col(ItemRow.owner)) == owner,
        col(ItemRow.id).in_([document.item for document in documents.values()]),
        col(ItemRow.id).not_in(being_deleted(owner)),
    )
    items = {item.id: item for item in await session.scalars(of_items)}
    tags = await _tags_of(session, listed)
    return [
        (documents[id_], items[documents[id_].item], tags.get(id_, []))
        for id_ in listed
        if id_ in documents and documents[id_].item in items
    ]


async def documents_of_items(
    session: AsyncSession, owner: str, items: Collection[str]
) -> list[SearchDocumentRow]:
    """Return the documents of an owner's items."""
    document = SearchDocumentRow
    query = select(document).where(
        col(document.item).in_(items),
        unindexed(col(document.owner)) == owner,
        ~col(document.removed),
    )
    return list(await session.scalars(query))


async def _tags_of(session: AsyncSession, ids: Collection[int]) -> dict[int, list[SearchTagRow]]:
    query = (
        select(SearchTagRow)
        .where(col(SearchTagRow.document).in_(ids))
        .order_by(col(SearchTagRow.confidence).desc(), col(SearchTagRow.tag))
    )
    tags: dict[int, list[SearchTagRow]] = {}
    for tag in await session.scalars(query):
        tags.setdefault(tag.document, []).append(tag)
    return tags
