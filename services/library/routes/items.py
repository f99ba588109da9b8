"""`/items`: what is in the catalogue."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from contracts.ids import ItemId
from contracts.items import Artifact, Item, ItemEdit, ItemKind, ItemState
from kit.http.pagination import Page, Paging
from services.library.access import Action
from services.library.context import REFUSED, Context, Reader, Writer
from services.library.facts import show_artifact, show_item
from services.library.items import ItemFilter, delete_item, edit_item, list_items
from services.library.repository import Repository, page
from services.library.tables import ArtifactRow

_EXAMPLE = {
    "Name and licence": {
        "value": {"name": "Night Drive", "metadata": {"artist": "The House", "licence": "CC0-1.0"}}
    },
    "A known tempo": {"value": {"bpm": 122.5}},
    "Garbled Cyrillic tags": {"value": {"tag_encoding": "cp1251"}},
}


def item_routes(house: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/items", tags=["items"], responses=REFUSED)

    @router.get("")
    async def list_(
        principal: Reader,
        paging: Paging,
        q: Annotated[
            str | None, Query(max_length=200, description="Words in the name or the metadata.")
        ] = None,
        kind: ItemKind | None = None,
        state: ItemState | None = None,
        parent: ItemId | None = None,
    ) -> Page[Item]:
        """List items, newest first."""
        wanted = ItemFilter(text=q, kind=kind, state=state, parent=parent)
        async with house.database.session() as session:
            rows, following = await list_items(Repository(session, principal), wanted, paging)
        return Page(items=tuple(map(show_item, rows)), next=following)

    @router.get("/{item}")
    async def get(principal: Reader, item: ItemId) -> Item:
        """Show an item."""
        async with house.database.session() as session:
            return show_item(await Repository(session, principal).item(item, Action.READ))

    @router.patch("/{item}")
    async def edit(
        principal: Writer,
        item: ItemId,
        given: Annotated[ItemEdit, Body(openapi_examples=_EXAMPLE)],
    ) -> Item:
        """Change name, kind, tempo or metadata, or read garbled tags in another encoding.

        What is absent stays.
        """
        async with house.database.transaction() as session:
            return show_item(await edit_item(Repository(session, principal), item, given))

    @router.delete("/{item}", status_code=204)
    async def delete(principal: Writer, item: ItemId) -> None:
        """Delete an item, the items cut from it, their files and jobs."""
        async with house.database.transaction() as session:
            await delete_item(Repository(session, principal), item)

    @router.get("/{item}/artifacts")
    async def artifacts(principal: Reader, item: ItemId, paging: Paging) -> Page[Artifact]:
        """List an item's files, newest first."""
        async with house.database.session() as session:
            repository = Repository(session, principal)
            await repository.item(item, Action.READ)
            query = repository.artifacts.select().where(ArtifactRow.item == item)  # type: ignore[arg-type]
            rows, following = await page(repository.artifacts, query, paging)
        return Page(items=tuple(map(show_artifact, rows)), next=following)

    return router
