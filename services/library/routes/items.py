"""`/items`: the catalogue."""

from contextlib import nullcontext
from typing import Annotated

from fastapi import APIRouter, Body, Query

from contracts.ids import ItemId
from contracts.items import Artifact, HiddenItem, Item, ItemEdit, ItemKind, ItemState
from contracts.problems import ProblemCode
from kit.database.base import StatementTooSlow
from kit.http.errors import ProblemError
from kit.http.etags import READABLE, WRITABLE, IfMatch
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.artifacts import SEARCHED
from services.library.catalogue.hiding import list_hidden, restore_item
from services.library.catalogue.items import ItemFilter, edit_item, list_items
from services.library.catalogue.repository import Repository
from services.library.catalogue.search_limits import LONGEST, MAX_WORDS
from services.library.catalogue.tables import ArtifactRow
from services.library.catalogue.views import artifact_to_api, item_to_api
from services.library.idempotency import Key
from services.library.repository import page
from services.library.routes.context import REFUSED, Context, Reader, Writer

_EXAMPLE = {
    "Name and licence": {
        "value": {
            "name": "Night Drive",
            "metadata": {"artist": "The Example Band", "licence": "CC0-1.0"},
        }
    },
    "A known tempo": {"value": {"bpm": 122.5}},
    "Garbled Cyrillic tags": {"value": {"tag_encoding": "cp1251"}},
}


def item_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/items", tags=["items"], responses=REFUSED)

    @router.get("")
    async def list_(
        principal: Reader,
        paging: Paging,
        q: Annotated[
            str | None,
            Query(
                max_length=LONGEST,
                description=f"At most {MAX_WORDS} words to find in the name or the first "
                f"{SEARCHED} characters of the metadata.",
            ),
        ] = None,
        kind: ItemKind | None = None,
        state: ItemState | None = None,
        parent: ItemId | None = None,
        roots: Annotated[
            bool | None,
            Query(description="`true`: only items without a parent; `false`: only those with one."),
        ] = None,
    ) -> Page[Item]:
        """List items, newest first."""
        filters = ItemFilter(text=q, kind=kind, state=state, parent=parent, roots=roots)
        turn = server.item_searches.of(principal.owner) if q else nullcontext()
        try:
            async with turn, server.database.session() as session:
                rows, following = await list_items(Repository(session, principal), filters, paging)
        except StatementTooSlow:
            raise ProblemError(
                ProblemCode.UNAVAILABLE,
                "This list took too long and was stopped. Search for longer words, or narrow it "
                "down by kind, state or parent.",
                retry_after=2,
            ) from None
        return Page(items=tuple(map(item_to_api, rows)), next=following)

    @router.get("/{item}", responses=READABLE)
    async def get(principal: Reader, item: ItemId) -> Item:
        """Return an item."""
        async with server.database.session() as session:
            return item_to_api(await Repository(session, principal).item(item, Action.READ))

    @router.patch("/{item}", responses=WRITABLE)
    async def edit(
        principal: Writer,
        item: ItemId,
        changes: Annotated[ItemEdit, Body(openapi_examples=_EXAMPLE)],
        precondition: IfMatch,
    ) -> Item:
        """Change name, kind, stem, tempo or metadata, or read garbled tags in another encoding.

        Absent fields stay as they are.
        """
        async with server.database.transaction() as session:
            repository = Repository(session, principal)
            if precondition:
                row = await repository.item(item, Action.WRITE, hold=True)
                precondition.check(item_to_api(row))
            return item_to_api(await edit_item(repository, item, changes))

    @router.delete("/{item}", status_code=204, responses=WRITABLE)
    async def delete(
        principal: Writer,
        item: ItemId,
        precondition: IfMatch,
        permanently: Annotated[
            bool, Query(description="Delete it at once, so that it cannot be restored.")
        ] = False,
    ) -> None:
        """Delete an item, the items cut from it, their files and jobs.

        For 30 days it is only hidden, and `POST /v1/items/{item}/restore` brings it back.
        """
        if permanently:
            await server.deletions.delete_item(principal, item, precondition)
        else:
            await server.deletions.hide_item(principal, item, precondition)

    @router.post("/{item}/restore")
    async def restore(principal: Writer, item: ItemId, key: Key = None) -> Item:
        """Restore a deleted item with everything that was hidden with it.

        Jobs over it that were under way stay cancelled. A repeated request changes nothing.
        """
        async with server.database.transaction() as session:
            return item_to_api(await restore_item(Repository(session, principal), item))

    @router.get("/{item}/artifacts")
    async def artifacts(principal: Reader, item: ItemId, paging: Paging) -> Page[Artifact]:
        """List an item's files, newest first."""
        async with server.database.session() as session:
            repository = Repository(session, principal)
            await repository.item(item, Action.READ)
            query = repository.artifacts.select_few().where(ArtifactRow.item == item)  # type: ignore[arg-type]
            rows, following = await page(repository.artifacts, query, paging)
        return Page(items=tuple(map(artifact_to_api, rows)), next=following)

    return router


def hidden_routes(server: Context) -> APIRouter:
    """Return the routes of hidden items."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/hidden", tags=["items"], responses=REFUSED
    )

    @router.get("")
    async def list_(principal: Reader, paging: Paging) -> Page[HiddenItem]:
        """List the items that you deleted and can restore, those deleted last first."""
        async with server.database.session() as session:
            listed, following = await list_hidden(Repository(session, principal), paging)
        return Page(items=tuple(listed), next=following)

    return router
