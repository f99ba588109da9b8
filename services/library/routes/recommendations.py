"""`/recommendations`: sounds that fit what their owner likes, and their dismissal."""

from typing import Annotated

from fastapi import APIRouter, Query

from contracts.ids import ItemId
from contracts.recommendations import (
    MAX_RECOMMENDED,
    DismissedRecommendation,
    Recommendations,
    RecommendationTarget,
)
from contracts.search import MAX_QUERY_LENGTH
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.idempotency import Key
from services.library.routes.context import REFUSED, Context, Reader, Writer
from services.library.search.language import parse_query


def recommendation_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute,
        prefix="/recommendations",
        tags=["recommendations"],
        responses=REFUSED,
    )

    @router.get("")
    async def list_(
        principal: Reader,
        target: Annotated[
            RecommendationTarget,
            Query(
                alias="for",
                description="`account` for all that you like, or `collection:` and the id of a "
                "collection of yours or that you edit, `favourites` or `tray`.",
            ),
        ] = "account",
        q: Annotated[
            str,
            Query(
                max_length=MAX_QUERY_LENGTH,
                description="Filters in the query language; only matching items are returned.",
                examples=["class:snare len:<0.5"],
            ),
        ] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_RECOMMENDED, description="Recommendations.")] = 20,
    ) -> Recommendations:
        """Recommend items that fit what you like, each with the reason, varied.

        They are computed when your taste or your sounds change, and not by this request: the first
        one for a collection answers with the state `computing`, and `recommendations.updated`
        follows. Filters choose among the 500 that fit best.
        """
        query, _ = parse_query(q)
        return await server.recommendations.read(principal, target, query, limit)

    @router.get("/dismissed")
    async def dismissed(principal: Reader, paging: Paging) -> Page[DismissedRecommendation]:
        """List the items that you dismissed, last dismissed first."""
        listed, following = await server.recommendations.dismissed(principal, paging)
        return Page(items=tuple(listed), next=following)

    @router.post("/{item}/dismiss", status_code=204)
    async def dismiss(principal: Writer, item: ItemId, key: Key = None) -> None:
        """Never recommend an item again, neither for your account nor for a collection.

        A repeated request changes nothing.
        """
        await server.recommendations.dismiss(principal, item)

    @router.delete("/{item}/dismiss", status_code=204)
    async def undo_dismissal(principal: Writer, item: ItemId) -> None:
        """Let an item that you dismissed be recommended again."""
        await server.recommendations.undo_dismissal(principal, item)

    return router
