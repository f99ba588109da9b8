"""`/query-sounds`: sounds that are only searched by, and not kept."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from contracts.ids import QuerySoundId
from contracts.music import Seconds
from contracts.similarity import MAX_WAIT, QuerySound, QuerySoundCreate
from kit.http.routes import GuardedRoute
from services.library.query_sounds.query_sounds import (
    create_query_sound,
    expire_query_sound,
    query_sound_to_api,
    read_query_sound,
)
from services.library.routes.context import REFUSED, Context, Reader, Writer

_EXAMPLE = {"An upload": {"value": {"upload": "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"}}}


def query_sound_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/query-sounds", tags=["similarity"], responses=REFUSED
    )

    @router.post("", status_code=202)
    async def create(
        principal: Writer,
        request: Annotated[QuerySoundCreate, Body(openapi_examples=_EXAMPLE)],
    ) -> QuerySound:
        """Make a query sound of an open upload: a sound to search by that is not kept.

        It has at most 30 s and 32 MiB, becomes no item, takes no storage and is removed within the
        hour. An account has at most 20; the oldest is removed when another is added. A repeated
        request returns the same query sound.
        """
        row = await create_query_sound(
            principal,
            request.upload,
            database=server.database,
            uploads=server.uploads,
            policy=server.policy,
        )
        return query_sound_to_api(row)

    @router.get("/{sound}")
    async def get(
        principal: Reader,
        sound: QuerySoundId,
        wait: Annotated[
            Seconds,
            Query(ge=0, le=MAX_WAIT, description="Seconds to wait until it is ready or failed."),
        ] = 0.0,
    ) -> QuerySound:
        """Return a query sound; search by it once it is `ready`."""
        row = await read_query_sound(principal, sound, database=server.database, wait=wait)
        return query_sound_to_api(row)

    @router.delete("/{sound}", status_code=204)
    async def delete(principal: Writer, sound: QuerySoundId) -> None:
        """Remove a query sound before it expires."""
        async with server.database.transaction() as session:
            await expire_query_sound(session, principal, sound)

    return router
