"""`/tags`, `/items/{item}/tags/{tag}` and `/items/{item}/favourite`."""

from typing import Annotated

from fastapi import APIRouter, Query

from contracts.collections import CollectionAdd, CollectionKind
from contracts.ids import ItemId
from contracts.items import Item
from contracts.tags import TagCount, TagName
from kit.http.list_cursor import ListPaging
from kit.http.pagination import Page
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.catalogue.views import item_to_api
from services.library.collections.members import add_items, remove_items
from services.library.collections.repository import Collections
from services.library.routes.context import REFUSED, Context, Reader, Writer
from services.library.tags.item_tags import count_tags, edit_tags


def tag_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, tags=["tags"], responses=REFUSED)

    @router.get("/tags")
    async def list_(
        principal: Reader,
        paging: ListPaging,
        q: Annotated[
            str, Query(max_length=64, description="Only tags that begin with this text.")
        ] = "",
    ) -> Page[TagCount]:
        """List custom tags in alphabetical order, with how many items have each."""
        async with server.database.session() as session:
            counts, following = await count_tags(Repository(session, principal), paging, prefix=q)
        return Page(items=tuple(counts), next=following)

    @router.put("/items/{item}/tags/{tag}")
    async def add(principal: Writer, item: ItemId, tag: TagName) -> Item:
        """Add a custom tag to an item; a tag that the item has keeps its spelling."""
        async with server.database.transaction() as session:
            repository = Repository(session, principal)
            return item_to_api(await edit_tags(repository, item, add=(tag,)))

    @router.delete("/items/{item}/tags/{tag}", status_code=204)
    async def remove(principal: Writer, item: ItemId, tag: TagName) -> None:
        """Remove a custom tag from an item; case, accents and width do not matter."""
        async with server.database.transaction() as session:
            await edit_tags(Repository(session, principal), item, remove=(tag,))

    @router.put("/items/{item}/favourite")
    async def mark(principal: Writer, item: ItemId) -> Item:
        """Set the favourite mark of an item, which adds it to the collection of favourites."""
        async with server.database.transaction() as session:
            collections = Collections(session, principal)
            await collections.catalogue.item(item, Action.WRITE)
            favourites = await collections.get(CollectionKind.FAVOURITES, Action.ARRANGE, hold=True)
            await add_items(
                collections,
                favourites,
                CollectionAdd(items=(item,)),
                max_items=server.settings.collection_items,
            )
            return item_to_api(await collections.catalogue.item(item, Action.WRITE))

    @router.delete("/items/{item}/favourite", status_code=204)
    async def unmark(principal: Writer, item: ItemId) -> None:
        """Clear the favourite mark of an item."""
        async with server.database.transaction() as session:
            collections = Collections(session, principal)
            await collections.catalogue.item(item, Action.WRITE)
            favourites = await collections.get(CollectionKind.FAVOURITES, Action.ARRANGE, hold=True)
            await remove_items(collections, favourites, (item,))

    return router
