"""The items of a collection: listed, added, removed and moved."""

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Row,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlmodel import col

from contracts.collections import (
    CollectionAdd,
    CollectionChange,
    CollectionItem,
    CollectionKind,
    CollectionMove,
)
from contracts.problems import FieldProblem, ProblemCode
from kit.database.engine import database_of
from kit.http.errors import NOT_FOUND, ProblemError
from kit.http.list_cursor import ListQuery, decode_list_cursor, encode_list_cursor
from services.library.access import Action, may
from services.library.catalogue.events import emit_items_changed
from services.library.catalogue.tables import ItemRow
from services.library.collections.events import emit_collection_changed
from services.library.collections.ordering import free_positions
from services.library.collections.repository import Collections, OpenCollection
from services.library.collections.tables import CollectionItemRow
from services.library.collections.views import item_in_collection

_ROW = CollectionItemRow
_TABLE = CollectionItemRow.metadata.tables["collection_items"]


async def list_members(
    collections: Collections, collection: OpenCollection, request: ListQuery
) -> tuple[list[CollectionItem], str | None]:
    """Return a page of a collection's items in their order, and the cursor of the next page.

    Raises
    ------
    ProblemError
        The cursor is malformed.
    """
    rows, following = await page_of_items(collections, collection, request)
    return [item_in_collection(collection, row, item) for row, item in rows], following


async def page_of_items(
    collections: Collections, collection: OpenCollection, request: ListQuery
) -> tuple[Sequence[Row[CollectionItemRow, ItemRow]], str | None]:
    """Return the rows of a page of a collection, and the cursor of the next page.

    Raises
    ------
    ProblemError
        The cursor is malformed.
    """
    order = (col(_ROW.position), col(_ROW.item))
    query = collections.items_of(collection.row.id).order_by(*order).limit(request.limit + 1)
    if request.cursor is not None:
        position, item = decode_list_cursor(request.cursor, (int, str))
        query = query.where(tuple_(*order) > tuple_(literal(position, BigInteger), literal(item)))
    rows = (await collections.session.execute(query)).all()
    if len(rows) <= request.limit:
        return rows, None
    last = rows[request.limit - 1][0]
    return rows[: request.limit], encode_list_cursor((last.position, last.item))


async def add_items(
    collections: Collections, collection: OpenCollection, request: CollectionAdd, *, max_items: int
) -> None:
    """Add the caller's items to a collection that is held; those that it holds stay in place.

    Adding to the favourites sets the favourite mark.

    Raises
    ------
    ProblemError
    """
    if collection.kind is CollectionKind.TRAY:
        raise _not_in_the_tray("add items with PUT /v1/tray/{place}")
    session, id_ = collections.session, collection.row.id
    items = await require_items(collections, request.items, field="body.items")
    held = await held_items(collections, collection, request.items)
    new = [item for item in dict.fromkeys(request.items) if item not in held]
    if len(new) > (room := max_items - await count_items(collections, collection)):
        raise too_many(max_items, room, len(new))
    positions = await free_positions(
        session, id_, len(new), before=request.before, after=request.after
    )
    if positions is None:
        raise _no_neighbour(request)
    if not new:
        return
    await insert_items(collections, collection, new, positions)
    await _mark(collections, collection, [items[item] for item in new], favourite=True)


async def insert_items(
    collections: Collections,
    collection: OpenCollection,
    items: Sequence[str],
    positions: Sequence[int],
) -> None:
    """Store new items of a collection at positions that are free, and emit the change."""
    session = collections.session
    now = await database_of(session).time(session)
    rows = [
        {
            "collection": collection.row.id,
            "item": item,
            "position": position,
            "locked": False,
            "added": now,
        }
        for item, position in zip(items, positions, strict=True)
    ]
    await session.execute(insert(_TABLE), rows)
    await items_changed(collections, collection)


async def remove_items(
    collections: Collections, collection: OpenCollection, items: Sequence[str]
) -> None:
    """Remove items from a collection that is held; items that it does not hold are ignored.

    Removing from the favourites clears the favourite mark. A locked place of the tray is emptied
    too: whoever names its item means it.
    """
    removed = await delete_items(collections, collection, items)
    if collection.kind is CollectionKind.FAVOURITES:
        rows = await hold_items(collections, removed)
        await _mark(collections, collection, rows, favourite=False)


async def delete_items(
    collections: Collections, collection: OpenCollection, items: Sequence[str]
) -> list[str]:
    """Delete items of a collection, emit the change, and return which ones it held."""
    statement = (
        delete(_ROW)
        .where(col(_ROW.collection) == collection.row.id, col(_ROW.item).in_(items))
        .returning(col(_ROW.item))
        .execution_options(synchronize_session=False)
    )
    removed = list(await collections.session.scalars(statement))
    if removed:
        await items_changed(collections, collection)
    return removed


async def move_items(
    collections: Collections, collection: OpenCollection, request: CollectionMove
) -> None:
    """Move items of a collection that is held next to another one, in the order of the request.

    Raises
    ------
    ProblemError
    """
    if collection.kind is CollectionKind.TRAY:
        raise _not_in_the_tray("move items with PUT /v1/tray/{place}")
    moved = tuple(dict.fromkeys(request.items))
    if (request.before or request.after) in moved:
        text = "An item cannot be moved next to itself."
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            text,
            fields=(FieldProblem(field="body.items", message="names the item to move next to"),),
        )
    session, id_ = collections.session, collection.row.id
    held = await held_items(collections, collection, moved)
    if absent := [item for item in moved if item not in held]:
        raise _absent(request.items, absent, "the collection does not hold this item")
    positions = await free_positions(
        session, id_, len(moved), before=request.before, after=request.after, without=moved
    )
    if positions is None:
        raise _no_neighbour(request)
    statement = (
        update(_TABLE)
        .where(_TABLE.c.collection == id_, _TABLE.c.item == bindparam("of_item"))
        .values(position=bindparam("to_position"))
    )
    rows = [{"of_item": i, "to_position": p} for i, p in zip(moved, positions, strict=True)]
    # On the connection: the session would take it for an update by primary key.
    await (await session.connection()).execute(statement, rows)
    await items_changed(collections, collection)


async def require_items(
    collections: Collections, ids: Sequence[str], *, field: str
) -> dict[str, ItemRow]:
    """Return items of the caller by id, held. Raises `ProblemError` that names unknown ones."""
    rows = {row.id: row for row in await hold_items(collections, ids)}
    if absent := [id_ for id_ in ids if id_ not in rows]:
        raise _absent(ids, absent, "no item of yours has this id", field=field)
    return rows


async def hold_items(collections: Collections, ids: Sequence[str]) -> list[ItemRow]:
    """Return those items that the caller may change, held in the order of their ids."""
    query = (
        collections.catalogue.items.select_few()
        .where(col(ItemRow.id).in_(ids))
        .order_by(col(ItemRow.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    rows = await collections.session.scalars(query)
    return [row for row in rows if may(collections.principal, Action.WRITE, row)]


async def held_items(
    collections: Collections, collection: OpenCollection, ids: Sequence[str]
) -> set[str]:
    """Return which items a collection holds."""
    query = select(col(_ROW.item)).where(
        col(_ROW.collection) == collection.row.id, col(_ROW.item).in_(ids)
    )
    return set(await collections.session.scalars(query))


async def count_items(collections: Collections, collection: OpenCollection) -> int:
    """Return how many items a collection holds, those that are being deleted included."""
    query = select(func.count()).where(col(_ROW.collection) == collection.row.id)
    return int((await collections.session.execute(query)).scalar_one())


async def items_changed(collections: Collections, collection: OpenCollection) -> None:
    """Note that the items of a collection changed, and emit it."""
    session = collections.session
    collection.row.updated = await database_of(session).time(session)
    await session.flush()
    await emit_collection_changed(session, collection.row, CollectionChange.ITEMS)


def too_many(max_items: int, room: int, count: int) -> ProblemError:
    """Return the error for a collection that would hold too many items."""
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"A collection holds at most {max_items} items: this one has room for {max(0, room)}, and "
        f"the request adds {count}. Remove some first, or use another collection.",
        fields=(FieldProblem(field="body.items", message=f"room for {max(0, room)}"),),
    )


async def _mark(
    collections: Collections,
    collection: OpenCollection,
    items: Sequence[ItemRow],
    *,
    favourite: bool,
) -> None:
    """Set the favourite mark of items that entered or left the favourites."""
    if collection.kind is not CollectionKind.FAVOURITES:
        return
    session = collections.session
    now = await database_of(session).time(session)
    for item in items:
        item.favourite = favourite
        item.updated = now
    await session.flush()
    await emit_items_changed(session, items)


def _absent(
    ids: Sequence[str], absent: Sequence[str], message: str, *, field: str = "body.items"
) -> ProblemError:
    places = {id_: index for index, id_ in enumerate(ids)}
    return ProblemError(
        ProblemCode.NOT_FOUND,
        f"{NOT_FOUND} See `fields`: {len(absent)} of the items named.",
        fields=[FieldProblem(field=f"{field}.{places[id_]}", message=message) for id_ in absent],
    )


def _no_neighbour(request: CollectionAdd) -> ProblemError:
    field = "before" if request.before else "after"
    return ProblemError(
        ProblemCode.NOT_FOUND,
        f"{NOT_FOUND} The collection does not hold the item in `{field}`.",
        fields=(FieldProblem(field=f"body.{field}", message="not in the collection"),),
    )


def _not_in_the_tray(instead: str) -> ProblemError:
    return ProblemError(
        ProblemCode.CONFLICT, f"The tray has numbered places instead of an order: {instead}."
    )
