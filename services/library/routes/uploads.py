"""`/uploads`: announce a file, send it in parts, complete it."""

from typing import Annotated

from fastapi import APIRouter, Body

from contracts.ids import UploadId
from contracts.uploads import Upload, UploadCreate
from kit.http.routes import GuardedRoute
from kit.objects.base import ObjectError
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import UploadRow
from services.library.completion.effects import one_shot_tagging
from services.library.idempotency import Key, once
from services.library.routes.context import REFUSED, Context, Writer

_EXAMPLE = {
    "A song": {
        "value": {
            "name": "Night Drive.wav",
            "size": 52_428_844,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "kind": "track",
            "metadata": {"artist": "The Example Band", "licence": "CC0-1.0"},
        }
    }
}


def upload_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/uploads", tags=["uploads"], responses=REFUSED
    )

    @router.post("", status_code=201)
    async def create(
        principal: Writer,
        upload: Annotated[UploadCreate, Body(openapi_examples=_EXAMPLE)],
        key: Key = None,
    ) -> Upload:
        """Announce a file; the response holds signed URLs to PUT its parts to."""
        async with server.database.transaction() as session:
            repository = Repository(session, principal)
            row: UploadRow | None = None

            async def act() -> tuple[str, int]:
                nonlocal row
                row = await server.uploads.create(repository, upload)
                return row.id, 201

            id_, _ = await once(
                session, act, owner=principal.owner, route="POST /uploads", key=key, body=upload
            )
            row = row or await repository.upload(id_, Action.WRITE)
        try:
            row = await server.uploads.open(principal, row)
        except ObjectError:
            if key is None:
                # The client never learns the id, so no request could resume this upload.
                await server.uploads.abort(principal, row.id)
            raise
        return await server.uploads.show(row)

    @router.get("/{upload}")
    async def get(principal: Writer, upload: UploadId) -> Upload:
        """Return the received parts and signed URLs for the missing ones, to resume an upload."""
        async with server.database.session() as session:
            row = await Repository(session, principal).upload(upload, Action.WRITE)
            tagging = await one_shot_tagging(session, row.item)
        shown = await server.uploads.show(await server.uploads.open(principal, row))
        return shown.model_copy(update={"tagging": tagging})

    @router.post("/{upload}/complete")
    async def complete(principal: Writer, upload: UploadId, key: Key = None) -> Upload:
        """Join the parts and ingest the file; ingest verifies the announced SHA-256.

        A repeated request changes nothing, with or without an idempotency key.
        """
        await server.uploads.complete(principal, upload)
        async with server.database.session() as session:
            row = await Repository(session, principal).upload(upload, Action.WRITE)
        return await server.uploads.show(row)

    @router.delete("/{upload}", status_code=204)
    async def abort(principal: Writer, upload: UploadId) -> None:
        """Abort an open upload and delete its parts."""
        await server.uploads.abort(principal, upload)

    return router
