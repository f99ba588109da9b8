"""`/maps`: layouts of sounds in two dimensions."""

from typing import Annotated

from fastapi import APIRouter, Body, Header, Query, Response

from contracts.maps import Map, MapEdit, MapName
from kit.http.pagination import Page
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.maps.maps import delete_map, list_maps, put_map
from services.library.maps.points import read_parts
from services.library.maps.reading import answer_points, members_of
from services.library.maps.repository import Maps
from services.library.maps.views import map_to_api
from services.library.routes.context import REFUSED, Context, Reader, Writer

_BINARY = "application/octet-stream"
_EDIT = {
    "All samples": {"value": {}},
    "A collection": {"value": {"collection": "0197f3a2-6c2d-7e3f-9041-2b3c4d5e6f70", "seed": 7}},
}


def map_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/maps", tags=["maps"], responses=REFUSED)

    @router.get("")
    async def list_(principal: Reader) -> Page[Map]:
        """List your maps by name, at most 100."""
        async with server.database.session() as session:
            listed = await list_maps(Maps(session, principal))
        return Page(items=tuple(map(map_to_api, listed)))

    @router.get("/{name}")
    async def get(principal: Reader, name: MapName) -> Map:
        """Return a map: its state, its quality and the labels of its regions."""
        async with server.database.session() as session:
            return map_to_api(await Maps(session, principal).get(name, Action.READ))

    @router.put("/{name}", responses={201: {"model": Map, "description": "The map is new."}})
    async def put(
        principal: Writer,
        name: MapName,
        request: Annotated[MapEdit, Body(openapi_examples=_EDIT)],
        response: Response,
        again: Annotated[
            bool,
            Query(description="Whether to compute a layout again that was computed, or failed."),
        ] = False,
    ) -> Map:
        """Create a map of your samples or of a collection of yours, or change what it shows.

        The server computes its layout in the background and emits `map.changed`. A repeated
        request changes nothing, unless `again` is set.
        """
        async with server.database.transaction() as session:
            row, is_new = await put_map(Maps(session, principal), name, request, again=again)
            response.status_code = 201 if is_new else 200
            return map_to_api(row)

    @router.delete("/{name}", status_code=204)
    async def delete(principal: Writer, name: MapName) -> None:
        """Delete a map; its sounds stay."""
        async with server.database.transaction() as session:
            await delete_map(Maps(session, principal), name)

    @router.get(
        "/{name}/points",
        response_class=Response,
        responses={
            200: {
                "description": "The points; `docs/maps.md` describes the bytes.",
                "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
            },
            304: {"description": "Not modified: the points still have the ETag of the request."},
        },
    )
    async def points(
        principal: Reader,
        name: MapName,
        if_none_match: Annotated[
            str | None, Header(max_length=1000, description="The ETag of points that you have.")
        ] = None,
    ) -> Response:
        """Return all points of a map in one answer: ids, places and classes of its sounds."""
        async with server.database.session() as session:
            row = await Maps(session, principal).get(name, Action.READ)
            parts = await read_parts(session, row.id)
            members = None
            if row.collection is not None:
                members = await members_of(session, row.collection)
        known = await server.searches.classes(principal.owner)
        answer = await answer_points(parts, known, members)
        headers = {"ETag": answer.etag, "Cache-Control": "private, no-cache"}
        tags = (tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(","))
        if answer.etag in tags:
            return Response(status_code=304, headers=headers)
        return Response(answer.data, media_type=_BINARY, headers=headers)

    return router
