"""Search by similarity: `/items/{item}/similar`, `/search/similar`; and `/duplicates`."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from contracts.ids import ItemId
from contracts.music import Share
from contracts.search import MAX_QUERY_LENGTH, Sort, SortField
from contracts.similarity import (
    MAX_SIMILAR,
    DuplicateGroup,
    SimilarityDials,
    SimilaritySearch,
    SimilarSounds,
)
from kit.http.list_cursor import ListPaging
from kit.http.pagination import Page
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.query_sounds.query_sounds import QuerySoundRepository
from services.library.routes.context import REFUSED, Context, Reader
from services.library.search.cursors import SearchCursor, decode_cursor
from services.library.search.language import parse_query
from services.library.search.searching import SimilarityRequest
from services.library.similarity.duplicates import list_duplicates

_DIAL = "How much this aspect counts in the distance, 0 to 1."
_KICK = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"
_HAT = "0197f3a2-6c2d-7e3f-9a41-2b3c4d5e6f70"
_EXAMPLE = {
    "Like two sounds": {"value": {"like": [{"item": _KICK}, {"item": _HAT, "weight": 0.5}]}},
    "Less like one": {
        "value": {
            "like": [{"item": _KICK}, {"item": _HAT, "weight": -0.3}],
            "dials": {"timbre": 1, "pitch": 0.5},
            "q": "class:kick len:<0.5",
            "limit": 10,
        }
    },
}


def similarity_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, tags=["similarity"], responses=REFUSED)

    @router.get("/items/{item}/similar")
    async def similar(
        principal: Reader,
        item: ItemId,
        q: Annotated[
            str,
            Query(
                max_length=MAX_QUERY_LENGTH,
                description="Filters in the query language; only matching items are returned.",
                examples=["class:snare len:<0.5"],
            ),
        ] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_SIMILAR, description="Results.")] = 20,
        cursor: Annotated[
            str | None, Query(max_length=2000, description="`next` of the page before.")
        ] = None,
        timbre: Annotated[Share, Query(description=_DIAL)] = 1.0,
        pitch: Annotated[Share, Query(description=_DIAL)] = 0.0,
        rhythm: Annotated[Share, Query(description=_DIAL)] = 0.0,
        envelope: Annotated[Share, Query(description=_DIAL)] = 0.0,
        loudness: Annotated[Share, Query(description=_DIAL)] = 0.0,
    ) -> SimilarSounds:
        """Return the items that sound most like an item, the nearest first, and what differs.

        As many as requested are returned if enough match. Samples are compared with samples, other
        items with other items.
        """
        after = _read_cursor(cursor)
        async with server.database.session() as session:
            await Repository(session, principal).item(item, Action.READ)
        query, _ = parse_query(q)
        dials = SimilarityDials(
            timbre=timbre, pitch=pitch, rhythm=rhythm, envelope=envelope, loudness=loudness
        )
        sought = SimilarityRequest(weights={item: 1.0}, dials=dials, limit=limit, cursor=after)
        return await server.searches.similar(principal, query, sought)

    @router.post("/search/similar")
    async def search(
        principal: Reader,
        request: Annotated[SimilaritySearch, Body(openapi_examples=_EXAMPLE)],
    ) -> SimilarSounds:
        """Return the items that sound most like several items or query sounds together.

        Each counts with its weight; a negative weight subtracts its sound. `dials` say how much
        each aspect counts in the distance.
        """
        after = _read_cursor(request.cursor)
        weights: dict[str, float] = {}
        async with server.database.session() as session:
            repository = Repository(session, principal)
            sounds = QuerySoundRepository(session, principal)
            for example in request.like:
                if example.item is not None:
                    await repository.item(example.item, Action.READ)
                else:
                    await sounds.sound(example.id, Action.READ)
                weights[example.id] = weights.get(example.id, 0.0) + example.weight
        query, _ = parse_query(request.q)
        sought = SimilarityRequest(
            weights=weights, dials=request.dials, limit=request.limit, cursor=after
        )
        return await server.searches.similar(principal, query, sought)

    @router.get("/duplicates")
    async def duplicates(principal: Reader, paging: ListPaging) -> Page[DuplicateGroup]:
        """List groups of items with the same sound: exact copies, and near ones.

        Near duplicates differ in format, gain or a few milliseconds at the start; they are found
        among samples. The server deletes none of them itself.
        """
        async with server.database.session() as session:
            groups, following = await list_duplicates(Repository(session, principal), paging)
        return Page(items=tuple(groups), next=following)

    return router


def _read_cursor(text: str | None) -> SearchCursor | None:
    return None if text is None else decode_cursor(text, Sort(field=SortField.NEAR))
