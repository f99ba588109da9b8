"""`/shared/{secret}`: a collection that is read by its link, without an account."""

from typing import Annotated

from fastapi import APIRouter, Depends

from contracts.identity import Principal
from contracts.ids import ItemId
from contracts.shared_links import LinkSecret, SharedCollection, SharedItem
from contracts.uploads import Download
from kit.database.actors import act_as
from kit.http.list_cursor import ListPaging
from kit.http.pagination import Page
from kit.http.routes import GuardedRoute
from services.library.actors import link_actor
from services.library.collections.shared_links import SharedLinks
from services.library.collections.sharing import digest
from services.library.routes.artifacts import sign_download
from services.library.routes.context import REFUSED, Context, Reader


async def act_by_link(guest: Reader, secret: LinkSecret) -> Principal:
    """Act as whoever has the secret of a link."""
    act_as(link_actor(digest(secret)))
    return guest


Guest = Annotated[Principal, Depends(act_by_link)]
"""A caller who has a link."""


def shared_link_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute,
        prefix="/shared/{secret}",
        tags=["collections"],
        responses=REFUSED,
    )

    @router.get("")
    async def collection(guest: Guest, secret: LinkSecret) -> SharedCollection:
        """Return the collection of a link with `access` `listen` or `download`.

        No account is needed. The answer is 404 for a link that is unknown, expired or revoked.
        """
        async with server.database.session() as session:
            links = SharedLinks(session, guest)
            return await links.show(await links.open(secret))

    @router.get("/items")
    async def items(guest: Guest, secret: LinkSecret, paging: ListPaging) -> Page[SharedItem]:
        """List the items of a link's collection in its order, with their waveforms."""
        async with server.database.session() as session:
            links = SharedLinks(session, guest)
            shown, following = await links.items(await links.open(secret), paging)
        return Page(items=tuple(shown), next=following)

    @router.get("/items/{item}/audio")
    async def audio(guest: Guest, secret: LinkSecret, item: ItemId) -> Download:
        """Return a signed URL to listen to an item of a link's collection, for 15 minutes."""
        async with server.database.session() as session:
            links = SharedLinks(session, guest)
            file = await links.audio(await links.open(secret), item)
            now = await server.database.time(session)
        return sign_download(server, None, file, now=now)

    @router.get("/items/{item}/download")
    async def download(guest: Guest, secret: LinkSecret, item: ItemId) -> Download:
        """Return a signed URL to download an item, for 15 minutes, if the link allows it."""
        async with server.database.session() as session:
            links = SharedLinks(session, guest)
            row, file = await links.download(await links.open(secret), item)
            now = await server.database.time(session)
        return sign_download(server, row, file, now=now)

    @router.get("/cover")
    async def cover(guest: Guest, secret: LinkSecret) -> Download:
        """Return a signed URL of the image that is the cover, for 15 minutes."""
        async with server.database.session() as session:
            links = SharedLinks(session, guest)
            file = await links.cover(await links.open(secret))
            now = await server.database.time(session)
        return sign_download(server, None, file, now=now)

    return router
