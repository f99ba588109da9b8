# Made from _async/recommendations.py by make_sync.py: change that file.
"""Recommendations."""

from collections.abc import Iterator
from types import NoneType

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, idempotency_key


class Recommendations(Resource):
    """Read recommendations, and dismiss them."""

    def list(
        self, *, collection: str | None = None, q: str = "", page_size: int | None = None
    ) -> types.Recommendations:
        """Return sounds that fit what you like, each with the reason, varied.

        While the state is `computing`, read again; `recommendations.updated` says when.

        Parameters
        ----------
        collection
            The id of a collection of yours or that you edit, `favourites` or `tray`, to complete;
            `None` for all that you like.
        q
            Filters in the query language, such as `class:snare len:<0.5`, but not `like:`.
        page_size
            Results, at most 200.
        """
        target = None if collection is None else f"collection:{collection}"
        query = {"for": target, "q": q or None, "limit": page_size}
        return self._connection.send(
            Operation("GET", "/v1/recommendations", types.Recommendations, query=query)
        )

    def dismiss(self, item: str) -> None:
        """Never recommend an item again."""
        self._connection.send(
            Operation(
                "POST",
                "/v1/recommendations/{item}/dismiss",
                NoneType,
                {"item": item},
                headers=idempotency_key(),
            )
        )

    def dismissed(self, *, page_size: int | None = None) -> Iterator[types.DismissedRecommendation]:
        """Yield dismissed items, last dismissed first; `page_size` are fetched at a time."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/recommendations/dismissed",
                types.Page[types.DismissedRecommendation],
                query={"limit": page_size},
            )
        )

    def undo_dismissal(self, item: str) -> None:
        """Let an item that you dismissed be recommended again."""
        self._connection.send(
            Operation("DELETE", "/v1/recommendations/{item}/dismiss", NoneType, {"item": item})
        )
