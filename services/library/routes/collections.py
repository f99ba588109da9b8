"""`/collections`: ordered lists of items; `/tray`: the built-in one with numbered places."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Path

from contracts.collections import (
    PLACES,
    Collection,
    CollectionAdd,
    CollectionCreate,
    CollectionEdit,
    CollectionItem,
    CollectionMove,
    CollectionRef,
    CollectionRemove,
    Tray,
    TrayPlaceEdit,
)
from contracts.identity import Principal
from contracts.ids import CollectionId, ItemId
from kit.http.etags import READABLE, WRITABLE, IfMatch
from kit.http.list_cursor import ListPaging
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.collections.collections import (
    CollectionFilter,
    create_collection,
    delete_collection,
    edit_collection,
    list_collections,
)
from services.library.collections.members import add_items, list_members, move_items, remove_items
from services.library.collections.repository import Collections, OpenCollection
from services.library.collections.tray import put_place, read_tray
from services.library.collections.views import collection_to_api, collections_to_api
from services.library.idempotency import Key, once
from services.library.routes.context import REFUSED, Context, Reader, Writer

_ITEM = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"
_CREATE = {
    "Kicks": {"value": {"name": "Kicks for Saturday", "note": "Nothing above 130 BPM."}},
    "Nested": {
        "value": {"name": "Dusty", "parent": "0197f3a2-6c2d-7e3f-9041-2b3c4d5e6f70"},
    },
}
_EDIT = {
    "Name and cover": {"value": {"name": "Kicks", "cover": {"item": _ITEM}}},
    "To the top level": {"value": {"parent": None}},
}
_ITEMS = {
    "At the end": {"value": {"items": [_ITEM]}},
    "Before another item": {
        "value": {"items": [_ITEM], "before": "0197f3a2-7d3e-7f40-a152-3c4d5e6f7081"}
    },
}
_REMOVE = {"One item": {"value": {"items": [_ITEM]}}}
_PLACE = {
    "Fill and lock": {"value": {"item": _ITEM, "locked": True}},
    "Clear": {"value": {"item": None}},
}


def collection_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/collections", tags=["collections"], responses=REFUSED
    )

    @router.get("")
    async def list_(
        principal: Reader,
        paging: Paging,
        parent: CollectionId | None = None,
        item: ItemId | None = None,
    ) -> Page[Collection]:
        """List your collections: the built-in ones on the first page, then yours, newest first.

        `parent` lists what is nested in a collection, `item` the collections that hold an item.
        """
        filter_ = CollectionFilter(parent=parent, item=item)
        async with server.database.session() as session:
            collections = Collections(session, principal)
            listed, following = await list_collections(collections, filter_, paging)
            shown = await collections_to_api(session, listed)
        return Page(items=tuple(shown), next=following)

    @router.post("", status_code=201)
    async def create(
        principal: Writer,
        request: Annotated[CollectionCreate, Body(openapi_examples=_CREATE)],
        key: Key = None,
    ) -> Collection:
        """Create a collection."""
        async with server.database.transaction() as session:
            collections = Collections(session, principal)

            async def act() -> tuple[str, int]:
                created = await create_collection(
                    collections, request, max_collections=server.settings.owner_collections
                )
                return created.row.id, 201

            id_, _ = await once(
                session, act, owner=principal.owner, route="POST /collections", key=key,
                body=request,
            )  # fmt: skip
            return await collection_to_api(session, await collections.get(id_, Action.WRITE))

    @router.get("/{collection}", responses=READABLE)
    async def get(principal: Reader, collection: CollectionRef) -> Collection:
        """Return a collection of yours, or one that is shared with you."""
        async with server.database.session() as session:
            collections = Collections(session, principal)
            return await collection_to_api(session, await collections.get(collection, Action.READ))

    @router.patch("/{collection}", responses=WRITABLE)
    async def edit(
        principal: Writer,
        collection: CollectionRef,
        request: Annotated[CollectionEdit, Body(openapi_examples=_EDIT)],
        precondition: IfMatch,
    ) -> Collection:
        """Change name, note, cover or parent; absent fields stay as they are."""
        async with server.database.transaction() as session:
            collections = Collections(session, principal)
            if precondition:
                held = await collections.get(collection, Action.WRITE, hold=True)
                precondition.check(await collection_to_api(session, held))
            edited = await edit_collection(collections, collection, request)
            return await collection_to_api(session, edited)

    @router.delete("/{collection}", status_code=204, responses=WRITABLE)
    async def delete(principal: Writer, collection: CollectionRef, precondition: IfMatch) -> None:
        """Delete a collection. Its items stay; collections nested in it move up to its parent."""
        async with server.database.transaction() as session:
            collections = Collections(session, principal)
            if precondition:
                held = await collections.get(collection, Action.WRITE, hold=True)
                precondition.check(await collection_to_api(session, held))
            await delete_collection(collections, collection)

    @router.get("/{collection}/items")
    async def items(
        principal: Reader, collection: CollectionRef, paging: ListPaging
    ) -> Page[CollectionItem]:
        """List the items of a collection in its order."""
        async with server.database.session() as session:
            collections = Collections(session, principal)
            opened = await collections.get(collection, Action.READ)
            shown, following = await list_members(collections, opened, paging)
        return Page(items=tuple(shown), next=following)

    async def arrange(
        principal: Principal,
        collection: str,
        change: Callable[[Collections, OpenCollection], Awaitable[None]],
    ) -> Collection:
        """Change the items of a collection that is held, and return it."""
        async with server.database.transaction() as session:
            collections = Collections(session, principal)
            held = await collections.get(collection, Action.ARRANGE, hold=True)
            await change(collections, held)
            return await collection_to_api(session, held)

    @router.post("/{collection}/items")
    async def add(
        principal: Writer,
        collection: CollectionRef,
        request: Annotated[CollectionAdd, Body(openapi_examples=_ITEMS)],
        key: Key = None,
    ) -> Collection:
        """Add up to 500 items of yours; a repeated request changes nothing."""
        max_items = server.settings.collection_items
        change = partial(add_items, request=request, max_items=max_items)
        return await arrange(principal, collection, change)

    @router.post("/{collection}/items/move")
    async def reorder(
        principal: Writer,
        collection: CollectionRef,
        request: Annotated[CollectionMove, Body(openapi_examples=_ITEMS)],
        key: Key = None,
    ) -> Collection:
        """Move up to 500 items next to another one, or to the end, in the order given.

        A repeated request changes nothing.
        """
        return await arrange(principal, collection, partial(move_items, request=request))

    @router.post("/{collection}/items/remove")
    async def remove(
        principal: Writer,
        collection: CollectionRef,
        request: Annotated[CollectionRemove, Body(openapi_examples=_REMOVE)],
        key: Key = None,
    ) -> Collection:
        """Remove up to 500 items from the collection; the items themselves stay.

        A repeated request changes nothing.
        """
        return await arrange(principal, collection, partial(remove_items, items=request.items))

    return router


def tray_routes(server: Context) -> APIRouter:
    """Return the routes of the tray."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/tray", tags=["collections"], responses=REFUSED
    )

    @router.get("")
    async def get(principal: Reader) -> Tray:
        """Return the 16 places of your tray."""
        async with server.database.session() as session:
            return await read_tray(Collections(session, principal))

    @router.put("/{place}")
    async def put(
        principal: Writer,
        place: Annotated[int, Path(ge=1, le=PLACES)],
        request: Annotated[TrayPlaceEdit, Body(openapi_examples=_PLACE)],
    ) -> Tray:
        """Fill, clear, lock or unlock a place; an item that has another place swaps places."""
        async with server.database.transaction() as session:
            collections = Collections(session, principal)
            await put_place(collections, place, request)
            await session.flush()
            return await read_tray(collections)

    return router
