"""`/collections/{collection}/shares` and `/links`, `/shared`, and the files of shared items."""

from typing import Annotated

from fastapi import APIRouter, Body
from sqlmodel import col

from contracts.collections import (
    Collection,
    CollectionLink,
    CollectionLinkCreate,
    CollectionRef,
    CollectionShare,
    CollectionShareEdit,
    LinkOpen,
    NewCollectionLink,
)
from contracts.ids import ArtifactId, ItemId, LinkId, UserId
from contracts.items import Artifact
from contracts.uploads import Download
from kit.database.repository import OwnedRows
from kit.http.errors import not_found
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.catalogue.tables import ArtifactRow
from services.library.catalogue.views import artifact_to_api
from services.library.collections import sharing
from services.library.collections.repository import Collections
from services.library.collections.views import collection_to_api, collections_to_api
from services.library.repository import page
from services.library.routes.artifacts import sign_download
from services.library.routes.context import REFUSED, Context, Reader, Writer

_SHARE = {"Read only": {"value": {"role": "viewer"}}, "Arrange": {"value": {"role": "editor"}}}
_LINK = {
    "For a week": {"value": {"days": 7}},
    "Without an account": {"value": {"days": 7, "access": "listen"}},
}


def sharing_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, tags=["collections"], responses=REFUSED)

    @router.get("/collections/{collection}/shares")
    async def shares(principal: Reader, collection: CollectionRef) -> Page[CollectionShare]:
        """List the accounts that a collection of yours is shared with, at most 200."""
        async with server.database.session() as session:
            listed = await sharing.list_shares(Collections(session, principal), collection)
        return Page(items=tuple(listed))

    @router.put("/collections/{collection}/shares/{account}")
    async def share(
        principal: Writer,
        collection: CollectionRef,
        account: UserId,
        request: Annotated[CollectionShareEdit, Body(openapi_examples=_SHARE)],
    ) -> CollectionShare:
        """Share a collection with an account, by its id, or change the account's role.

        The answer is the same whether or not the account exists.
        """
        async with server.database.transaction() as session:
            collections = Collections(session, principal)
            return await sharing.put_share(collections, collection, account, request.role)

    @router.delete("/collections/{collection}/shares/{account}", status_code=204)
    async def unshare(principal: Writer, collection: CollectionRef, account: UserId) -> None:
        """End the share of an account; you can end your own share of another's collection."""
        async with server.database.transaction() as session:
            await sharing.delete_share(Collections(session, principal), collection, account)

    @router.get("/collections/{collection}/links")
    async def links(principal: Reader, collection: CollectionRef) -> Page[CollectionLink]:
        """List the links of a collection of yours without their secrets, at most 200."""
        async with server.database.session() as session:
            listed = await sharing.list_links(Collections(session, principal), collection)
        return Page(items=tuple(listed))

    @router.post("/collections/{collection}/links", status_code=201)
    async def create_link(
        principal: Writer,
        collection: CollectionRef,
        request: Annotated[CollectionLinkCreate, Body(openapi_examples=_LINK)],
    ) -> NewCollectionLink:
        """Create a link; only this response shows its secret.

        With `access` `account` it makes accounts of this server viewers (`POST /v1/shared`). With
        `listen` or `download` anybody who has it reads the collection at `/v1/shared/{secret}`.
        """
        async with server.database.transaction() as session:
            return await sharing.create_link(Collections(session, principal), collection, request)

    @router.delete("/collections/{collection}/links/{link}", status_code=204)
    async def delete_link(principal: Writer, collection: CollectionRef, link: LinkId) -> None:
        """Revoke a link: nobody can open it any more, and the access it gave ends."""
        async with server.database.transaction() as session:
            await sharing.delete_link(Collections(session, principal), collection, link)

    @router.get("/shared")
    async def shared(principal: Reader, paging: Paging) -> Page[Collection]:
        """List the collections that others share with you, last shared first."""
        async with server.database.session() as session:
            listed, following = await sharing.list_shared(Collections(session, principal), paging)
            shown = await collections_to_api(session, listed)
        return Page(items=tuple(shown), next=following)

    @router.post("/shared")
    async def open_link(principal: Writer, request: LinkOpen) -> Collection:
        """Open a link: you become a viewer of its collection until the link ends.

        A repeated request changes nothing.
        """
        async with server.database.transaction() as session:
            opened = await sharing.open_link(Collections(session, principal), request.secret)
            return await collection_to_api(session, opened)

    @router.get("/collections/{collection}/items/{item}/artifacts")
    async def artifacts(
        principal: Reader, collection: CollectionRef, item: ItemId, paging: Paging
    ) -> Page[Artifact]:
        """List the files of an item of a collection, newest first."""
        async with server.database.session() as session:
            row = await Collections(session, principal).item(collection, item)
            rows = OwnedRows(session, ArtifactRow, row.owner)
            query = rows.select_few().where(col(ArtifactRow.item) == row.id)
            listed, following = await page(rows, query, paging)
        return Page(items=tuple(map(artifact_to_api, listed)), next=following)

    @router.get("/collections/{collection}/items/{item}/artifacts/{artifact}/download")
    async def download(
        principal: Reader, collection: CollectionRef, item: ItemId, artifact: ArtifactId
    ) -> Download:
        """Return a signed URL to download a file of an item of a collection, for 15 minutes."""
        async with server.database.session() as session:
            row = await Collections(session, principal).item(collection, item)
            file = await OwnedRows(session, ArtifactRow, row.owner).get(artifact)
            if file is None or file.item != row.id:
                raise not_found()
            now = await server.database.time(session)
        return sign_download(server, row, file, now=now)

    return router
