"""`/imports`: sounds from packs, addresses and providers."""

from typing import Annotated

from fastapi import APIRouter, Body

from contracts.ids import ImportId
from contracts.imports import (
    PACK,
    Import,
    ImportCreate,
    ImportFile,
    ImportFileState,
    ImportProvider,
)
from kit.http.list_cursor import ListPaging
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.idempotency import Key, once
from services.library.imports.imports import cancel_import, create_import
from services.library.imports.repository import Imports
from services.library.imports.views import file_to_api, imports_to_api
from services.library.repository import page
from services.library.routes.context import REFUSED, Context, Reader, Writer

_CREATE = {
    "A link": {"value": {"provider": "http", "reference": "https://example.org/kick.wav"}},
    "A pack": {
        "value": {"provider": PACK, "reference": "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"},
    },
    "A podcast": {
        "value": {
            "provider": "podcast",
            "reference": "https://example.org/feed.xml",
            "max_files": 10,
            "tags": ["interview"],
        }
    },
}


def import_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/imports", tags=["imports"], responses=REFUSED
    )

    @router.get("/providers")
    async def providers(principal: Reader) -> Page[ImportProvider]:
        """List the providers of this server, besides `pack`."""
        shown = [
            ImportProvider(name=name, title=provider.title, needs_key=provider.needs_key)
            for name, provider in server.lookups.providers.items()
        ]
        return Page(items=tuple(shown), next=None)

    @router.get("")
    async def list_(principal: Reader, paging: Paging) -> Page[Import]:
        """List your imports, newest first; those that ended are remembered up to 200."""
        async with server.database.session() as session:
            imports = Imports(session, principal)
            rows, following = await page(imports.rows, imports.rows.select(), paging)
            shown = await imports_to_api(session, rows)
        return Page(items=tuple(shown), next=following)

    @router.post("", status_code=202)
    async def create(
        principal: Writer,
        request: Annotated[ImportCreate, Body(openapi_examples=_CREATE)],
        key: Key = None,
    ) -> Import:
        """Import sounds; each file becomes an item of its own.

        `pack` reads a ZIP archive: create an upload, send its parts, and name its id here instead
        of completing it. Other providers look at once which files the reference means, and
        downloads follow in the background.
        """
        if request.provider == PACK:
            listing = None
            await server.lookups.join_pack(principal, request.reference)
        else:
            listing = await server.lookups.find(principal, request)
        async with server.database.transaction() as session:
            imports = Imports(session, principal)

            async def act() -> tuple[str, int]:
                row = await create_import(
                    imports,
                    request,
                    listing,
                    max_collections=server.settings.owner_collections,
                )
                return row.id, 202

            id_, _ = await once(
                session, act, owner=principal.owner, route="POST /imports", key=key, body=request
            )
            return (await imports_to_api(session, [await imports.get(id_, Action.WRITE)]))[0]

    @router.get("/{import_id}")
    async def get(principal: Reader, import_id: ImportId) -> Import:
        """Return an import and how far it is."""
        async with server.database.session() as session:
            row = await Imports(session, principal).get(import_id, Action.READ)
            return (await imports_to_api(session, [row]))[0]

    @router.get("/{import_id}/files")
    async def files(
        principal: Reader,
        import_id: ImportId,
        paging: ListPaging,
        state: ImportFileState | None = None,
    ) -> Page[ImportFile]:
        """List the files of an import with what became of each, in their order."""
        async with server.database.session() as session:
            imports = Imports(session, principal)
            row = await imports.get(import_id, Action.READ)
            rows, following = await imports.files(row, state, paging)
        return Page(items=tuple(map(file_to_api, rows)), next=following)

    @router.post("/{import_id}/cancel")
    async def cancel(principal: Writer, import_id: ImportId) -> Import:
        """Cancel an import: files that wait are not imported; items that it made stay.

        A repeated request changes nothing.
        """
        async with server.database.transaction() as session:
            row = await cancel_import(Imports(session, principal), import_id)
            return (await imports_to_api(session, [row]))[0]

    return router
