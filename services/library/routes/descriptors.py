"""`/search/descriptors`: all that is known and measured of a search's items, as a file."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from contracts.base import StrictModel
from contracts.search import MAX_QUERY_LENGTH
from kit.http.routes import GuardedRoute
from services.library.descriptors.manifest import DescriptorManifest
from services.library.descriptors.npz import write_npz
from services.library.descriptors.parquet import write_parquet
from services.library.descriptors.rows import read_rows
from services.library.routes.context import REFUSED, Context, Reader
from services.library.search.language import format_query, parse_query
from services.library.search.limits import refusal


class DescriptorFormat(StrEnum):
    """The format of a file of descriptors."""

    PARQUET = "parquet"
    """Apache Parquet, compressed with Zstandard."""
    NPZ = "npz"
    """A NumPy archive."""


_MEDIA_TYPES = {
    DescriptorFormat.PARQUET: "application/vnd.apache.parquet",
    DescriptorFormat.NPZ: "application/zip",
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in _MEDIA_TYPES.values()
        }
    }
}


class DescriptorParams(StrictModel):
    """The query parameters."""

    q: Annotated[
        str,
        Field(
            max_length=MAX_QUERY_LENGTH,
            description="A search in the query language, without `like:`; its order is ignored.",
            examples=["class:snare -tag:vinyl"],
        ),
    ] = ""
    format: DescriptorFormat = DescriptorFormat.PARQUET
    vectors: Annotated[bool, Field(description="Whether to add the vectors of sounds.")] = True


def descriptor_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/search", tags=["search"], responses=REFUSED
    )

    @router.get("/descriptors", response_class=Response, responses=_FILE)
    async def descriptors(
        principal: Reader, params: Annotated[DescriptorParams, Query()]
    ) -> Response:
        """Return what is known and measured of every item that a search finds, as one file.

        It has a row for each item in the order in which they were added, with its vector and the
        version of what made the vector. Text columns, units and the search are in the file's
        manifest.
        """
        query, _ = parse_query(params.q)
        if query.like is not None:
            raise refusal(
                "query.q", "A file of descriptors holds a whole search: leave out `like:`."
            )
        owner = principal.owner
        documents, revision = await server.searches.all_matching(owner, query)
        async with server.database.session() as session:
            now = await server.database.time(session)
        manifest = DescriptorManifest(
            query=format_query(query), revision=revision, count=len(documents), created=now
        )
        vectors = server.vectors if params.vectors else None
        rows = read_rows(server.database, vectors, owner, documents)
        write = write_parquet if params.format is DescriptorFormat.PARQUET else write_npz
        return StreamingResponse(
            write(rows, manifest),
            media_type=_MEDIA_TYPES[params.format],
            headers={"Content-Disposition": f'attachment; filename="descriptors.{params.format}"'},
        )

    return router
