"""Collections as the API shows them."""

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.collections import (
    Collection,
    CollectionCover,
    CollectionItem,
    CollectionKind,
    CollectionRole,
)
from contracts.ids import ArtifactId, CollectionId, ItemId
from services.library.catalogue.repository import being_deleted
from services.library.catalogue.tables import ItemRow
from services.library.catalogue.views import item_to_api
from services.library.collections.repository import OpenCollection
from services.library.collections.tables import CollectionItemRow


async def collections_to_api(
    session: AsyncSession, collections: Sequence[OpenCollection]
) -> list[Collection]:
    """Return collections as the API shows them, counted with one query."""
    counts = await _counts(session, [collection.row.id for collection in collections])
    return [_to_api(c, counts.get(c.row.id, 0)) for c in collections]


async def collection_to_api(session: AsyncSession, collection: OpenCollection) -> Collection:
    """Return a collection as the API shows it."""
    return (await collections_to_api(session, (collection,)))[0]


def item_in_collection(
    collection: OpenCollection, row: CollectionItemRow, item: ItemRow
) -> CollectionItem:
    """Return an item of a collection as its caller may see it.

    Favourite marks and ratings are shown to the item's owner only.
    """
    shown = item_to_api(item)
    if item.owner != collection.caller:
        shown = shown.model_copy(update={"favourite": False, "rating": None})
    return CollectionItem(item=shown, added=row.added)


def _to_api(collection: OpenCollection, items: int) -> Collection:
    row = collection.row
    cover = None
    if row.cover_item is not None:
        cover = CollectionCover(item=ItemId(row.cover_item))
    elif row.cover_artifact is not None:
        cover = CollectionCover(artifact=ArtifactId(row.cover_artifact))
    own = collection.role is CollectionRole.OWNER
    return Collection(
        id=CollectionId(row.id),
        kind=CollectionKind(row.kind),
        name=row.name,
        note=row.note,
        cover=cover,
        # What it is nested in is not shared with it.
        parent=CollectionId(row.parent) if row.parent and own else None,
        items=items,
        role=collection.role,
        created=row.created if collection.stored else None,
        updated=row.updated if collection.stored else None,
    )


async def _counts(session: AsyncSession, ids: Iterable[str]) -> dict[str, int]:
    held = col(CollectionItemRow.collection)
    query = (
        select(held, func.count())
        .where(held.in_(list(ids)), col(CollectionItemRow.item).not_in(being_deleted()))
        .group_by(held)
    )
    return dict((await session.execute(query)).all())
