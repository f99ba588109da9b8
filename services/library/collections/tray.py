"""The tray: 16 numbered places for items, each of which can be locked."""

from sqlalchemy import delete, select
from sqlmodel import col

from contracts.collections import PLACES, CollectionKind, Tray, TrayPlace, TrayPlaceEdit
from contracts.problems import ProblemCode
from kit.database.engine import database_of
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.catalogue.views import item_to_api
from services.library.collections.members import items_changed, require_items
from services.library.collections.repository import Collections, OpenCollection
from services.library.collections.tables import CollectionItemRow


async def read_tray(collections: Collections) -> Tray:
    """Return the caller's tray."""
    collection = await collections.get(CollectionKind.TRAY, Action.READ)
    query = collections.items_of(collection.row.id)
    rows = {row.position: (row, item) for row, item in (await collections.session.execute(query))}
    places = []
    for place in range(1, PLACES + 1):
        if place in rows:
            row, item = rows[place]
            places.append(TrayPlace(place=place, item=item_to_api(item), locked=row.locked))
        else:
            places.append(TrayPlace(place=place))
    return Tray(places=tuple(places))


async def put_place(collections: Collections, place: int, edit: TrayPlaceEdit) -> None:
    """Fill, clear, lock or unlock a place of the caller's tray.

    An item that has another place swaps places with what is here.

    Raises
    ------
    ProblemError
        The item does not exist, or a locked place would get another item.
    """
    collection = await collections.get(CollectionKind.TRAY, Action.ARRANGE, hold=True)
    session = collections.session
    rows = await _rows(collections, collection)
    here = rows.get(place)
    if edit.item is None and edit.locked:
        raise ProblemError(
            ProblemCode.INVALID_REQUEST, "An empty place cannot be locked; name an item."
        )
    if here is not None and here.item == edit.item:
        if here.locked != edit.locked:
            here.locked = edit.locked
            await items_changed(collections, collection)
        return
    _refuse_locked(here, place)
    if edit.item is None:
        if here is not None:
            await _clear(collections, here)
            await items_changed(collections, collection)
        return
    await require_items(collections, (edit.item,), field="body.item")
    there = next((row for row in rows.values() if row.item == edit.item), None)
    if there is not None:
        _refuse_locked(there, there.position)
        if here is not None:
            here.position = there.position
        there.position, there.locked = place, edit.locked
    else:
        if here is not None:
            await _clear(collections, here)
        session.add(
            CollectionItemRow(
                collection=collection.row.id,
                item=edit.item,
                position=place,
                locked=edit.locked,
                added=await database_of(session).time(session),
            )
        )
    await items_changed(collections, collection)


def _refuse_locked(row: CollectionItemRow | None, place: int) -> None:
    if row is not None and row.locked:
        raise ProblemError(
            ProblemCode.CONFLICT,
            f"Place {place} of the tray is locked. Unlock it first: PUT its item again with "
            "`locked` false.",
        )


async def _rows(
    collections: Collections, collection: OpenCollection
) -> dict[int, CollectionItemRow]:
    query = select(CollectionItemRow).where(col(CollectionItemRow.collection) == collection.row.id)
    return {row.position: row for row in await collections.session.scalars(query)}


async def _clear(collections: Collections, row: CollectionItemRow) -> None:
    statement = delete(CollectionItemRow).where(
        col(CollectionItemRow.collection) == row.collection, col(CollectionItemRow.item) == row.item
    )
    await collections.session.execute(statement)
