"""What an owner likes, and which items are never recommended, by the rows that say so."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, exists, literal, null, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.collections import CollectionKind, ShareRole
from contracts.jobs import JobState
from contracts.recommendations import ReasonKind
from kit.database.engine import database_of
from kit.database.plans import unindexed
from kit.http.pagination import PageQuery
from kit.vectors.ids import Ids, pack
from services.library.catalogue.repository import being_deleted, read_ids
from services.library.catalogue.tables import ItemRow
from services.library.collections.tables import (
    CollectionItemRow,
    CollectionRow,
    CollectionShareRow,
)
from services.library.imports.tables import ImportRow
from services.library.jobs.tables import JobRow
from services.library.recommendations.candidates import KINDS, LikedSounds
from services.library.recommendations.tables import (
    USE,
    RecommendationDismissalRow,
    RecommendationListRow,
)
from services.library.search.tables import SearchDocumentRow

MAX_EXAMPLES = 1000
"""Liked sounds that a list is computed from: those that count most, the newest first."""
LIKED_FROM = 4
"""The lowest rating of a liked sound."""
_WEIGHTS = {
    ReasonKind.FAVOURITE: 1.0,
    ReasonKind.RATING: 1.0,
    ReasonKind.EXPORT: 0.5,
    ReasonKind.TRAY: 0.5,
    ReasonKind.COLLECTION: 0.5,
}
_MEMBER, _COLLECTION = CollectionItemRow, CollectionRow


async def read_examples(session: AsyncSession, row: RecommendationListRow) -> LikedSounds:
    """Return the liked sounds of a list: of a collection what it holds, else the owner's."""
    queries = (
        [_newest_members().where(col(_COLLECTION.id) == row.collection)]
        if row.collection
        else _liked(row.owner)
    )
    best: dict[str, tuple[ReasonKind, str | None]] = {}
    for query in queries:
        for item, kind, collection in (await session.execute(query.limit(MAX_EXAMPLES))).all():
            best.setdefault(item, (_KINDS.get(kind, ReasonKind.COLLECTION), collection))
    items = sorted(best, key=lambda item: -_WEIGHTS[best[item][0]])[:MAX_EXAMPLES]
    kinds = [best[item][0] for item in items]
    collections = np.zeros((len(items), 16), np.uint8)
    for place, item in enumerate(items):
        kind, collection = best[item]
        if kind is ReasonKind.COLLECTION and collection is not None:
            collections[place] = pack([collection])[0]
    return LikedSounds(
        pack(items),
        np.array([KINDS.index(kind) for kind in kinds], np.uint8),
        collections,
        np.array([_WEIGHTS[kind] for kind in kinds], np.float32),
    )


async def read_excluded(session: AsyncSession, row: RecommendationListRow) -> Ids:
    """Return all items that a list does not recommend, `[items, 16]`."""
    ids: set[str] = set(await session.scalars(being_deleted(row.owner)))
    for query, item in _excluded(row.owner, row.collection):
        ids.update(await read_ids(session, query, item))
    return pack(ids)


async def excluded_among(
    session: AsyncSession, owner: str, collection: str | None, items: Sequence[str]
) -> set[str]:
    """Return which of some items a list does not recommend any more."""
    excluded: set[str] = set()
    for query, item in _excluded(owner, collection):
        excluded.update(await session.scalars(query.where(item.in_(items))))
    return excluded


async def documents_among(
    session: AsyncSession, owner: str, items: Sequence[str]
) -> dict[str, int]:
    """Return the search documents of some of an owner's items, by item."""
    document = SearchDocumentRow
    query = select(col(document.item), col(document.id)).where(
        col(document.item).in_(items),
        unindexed(col(document.owner)) == owner,
        ~col(document.removed),
    )
    return {item: id_ or 0 for item, id_ in (await session.execute(query)).all()}


async def names_of(
    session: AsyncSession, owner: str, items: Collection[str], *, collection: str | None = None
) -> dict[str, str]:
    """Return the names of those of an owner's items that are not hidden.

    Parameters
    ----------
    collection
        A collection that the owner may edit: items of others in it are named too.
    """
    visible = unindexed(col(ItemRow.owner)) == owner
    if collection is not None:
        held = select(col(_MEMBER.item)).where(col(_MEMBER.collection) == collection)
        visible |= col(ItemRow.id).in_(held)
    query = select(col(ItemRow.id), col(ItemRow.name)).where(
        col(ItemRow.id).in_(items),
        visible,
        col(ItemRow.id).not_in(being_deleted(owner if collection is None else None)),
    )
    return dict((await session.execute(query)).all())


async def may_learn_from(session: AsyncSession, row: RecommendationListRow) -> bool:
    """Return whether the owner of a list may add to the collection that it is for."""
    if row.collection is None:
        return True
    share = CollectionShareRow
    edits = exists().where(
        col(share.collection) == col(_COLLECTION.id),
        col(share.account) == row.owner,
        col(share.role) == ShareRole.EDITOR,
        or_(col(share.expires).is_(None), col(share.expires) > database_of(session).now()),
    )
    query = select(col(_COLLECTION.id)).where(
        col(_COLLECTION.id) == row.collection, or_(col(_COLLECTION.owner) == row.owner, edits)
    )
    return (await session.execute(query)).first() is not None


async def owners_of(session: AsyncSession, items: Sequence[str]) -> dict[str, list[str]]:
    """Return those of some items that are not hidden, by owner."""
    query = select(col(ItemRow.owner), col(ItemRow.id)).where(
        col(ItemRow.id).in_(items), col(ItemRow.id).not_in(being_deleted())
    )
    by_owner: dict[str, list[str]] = {}
    for owner, item in (await session.execute(query)).all():
        by_owner.setdefault(owner, []).append(item)
    return by_owner


async def classes_of(session: AsyncSession, items: Sequence[str]) -> dict[str, str | None]:
    """Return the sound classes of some items."""
    document = SearchDocumentRow
    query = select(col(document.item), col(document.sound_class)).where(
        col(document.item).in_(items), ~col(document.removed)
    )
    return dict((await session.execute(query)).all())


async def page_of_dismissals(
    session: AsyncSession, owner: str, request: PageQuery
) -> Sequence[Row[RecommendationDismissalRow, ItemRow]]:
    """Return dismissals with their items, last dismissed first: a page and one more."""
    row = RecommendationDismissalRow
    order = (col(row.dismissed), col(row.item))
    query = (
        select(row, ItemRow)
        .join(ItemRow, col(ItemRow.id) == col(row.item))
        .where(col(row.owner) == owner, col(row.item).not_in(being_deleted(owner)))
        .order_by(*(column.desc() for column in order))
        .limit(request.limit + 1)
    )
    if request.after is not None:
        query = query.where(tuple_(*order) < (request.after.created, request.after.id))
    return (await session.execute(query)).all()


_KINDS = {
    CollectionKind.FAVOURITES.value: ReasonKind.FAVOURITE,
    CollectionKind.TRAY.value: ReasonKind.TRAY,
    ReasonKind.RATING.value: ReasonKind.RATING,
    ReasonKind.EXPORT.value: ReasonKind.EXPORT,
}
"""The kinds of reasons by the text in the second column of the queries of liked sounds."""


def _liked(owner: str) -> list[Any]:
    """Return queries of what an owner likes: item, kind, collection; the strongest sign first."""
    item, job = ItemRow, JobRow
    rated = (
        select(col(item.id), literal(ReasonKind.RATING.value), null())
        .where(col(item.owner) == owner, col(item.rating) >= LIKED_FROM)
        .order_by(col(item.updated).desc(), col(item.id).desc())
    )
    exported = (
        select(col(job.item), literal(ReasonKind.EXPORT.value), null())
        .where(
            col(job.owner) == owner,
            col(job.task) == USE,
            col(job.state) == JobState.SUCCEEDED,
            col(job.item).is_not(None),
        )
        .order_by(col(job.created).desc(), col(job.id).desc())
    )
    favourites, tray, collections = (
        _members(owner).where(col(_COLLECTION.kind) == kind)
        for kind in (CollectionKind.FAVOURITES, CollectionKind.TRAY, CollectionKind.COLLECTION)
    )
    return [favourites, rated, exported, tray, collections.where(_chosen(owner))]


def _members(owner: str) -> Any:
    """Return the query of items in an owner's collections, the newest first."""
    return _newest_members().where(col(_COLLECTION.owner) == owner)


def _newest_members() -> Any:
    return (
        select(col(_MEMBER.item), col(_COLLECTION.kind), col(_COLLECTION.id))
        .join(_COLLECTION, col(_COLLECTION.id) == col(_MEMBER.collection))
        .order_by(col(_MEMBER.added).desc(), col(_MEMBER.item).desc())
    )


def _chosen(owner: str) -> Any:
    """Return the condition that a collection was not made by an import, which chooses nothing."""
    imported = select(col(ImportRow.collection)).where(
        col(ImportRow.owner) == owner, col(ImportRow.collection).is_not(None)
    )
    return col(_COLLECTION.id).not_in(imported)


def _excluded(owner: str, collection: str | None) -> list[tuple[Select[Any], Any]]:
    """Return queries of items that are not recommended, each with its column of ids."""
    item, dismissal = ItemRow, RecommendationDismissalRow
    known = select(col(item.id)).where(
        col(item.owner) == owner, col(item.favourite) | col(item.rating).is_not(None)
    )
    dismissed = select(col(dismissal.item)).where(col(dismissal.owner) == owner)
    members = (
        select(col(_MEMBER.item))
        .join(_COLLECTION, col(_COLLECTION.id) == col(_MEMBER.collection))
        .distinct()
    )
    if collection is not None:
        members = members.where(col(_COLLECTION.id) == collection)
    else:
        members = members.where(col(_COLLECTION.owner) == owner, _chosen(owner))
    return [(known, col(item.id)), (dismissed, col(dismissal.item)), (members, col(_MEMBER.item))]
