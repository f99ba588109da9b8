# Made from _async/similarity.py by make_sync.py: change that file.
"""Similarity of sounds, and duplicates."""

from collections.abc import Iterator, Mapping, Sequence

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class Similarity(Resource):
    """Find sounds that are alike, and duplicates."""

    def find(self, item: str, *, q: str = "", page_size: int | None = None) -> types.SimilarSounds:
        """Return the items that sound most like an item, the nearest first.

        Parameters
        ----------
        q
            Filters in the query language, such as `class:snare len:<0.5`.
        page_size
            Results, at most 200.
        """
        query = {"q": q or None, "limit": page_size}
        return self._connection.send(
            Operation(
                "GET", "/v1/items/{item}/similar", types.SimilarSounds, {"item": item}, query=query
            )
        )

    def search(
        self,
        items: Mapping[str, float] | Sequence[str],
        *,
        q: str = "",
        page_size: int = 20,
    ) -> types.SimilarSounds:
        """Return the items that sound most like several items together.

        Parameters
        ----------
        items
            Ids, or how much each id counts, -1 to 1; a negative weight subtracts its sound.
        q
            Filters in the query language.
        page_size
            Results, at most 200.
        """
        weights = items if isinstance(items, Mapping) else dict.fromkeys(items, 1.0)
        body = {
            "items": [{"item": item, "weight": weight} for item, weight in weights.items()],
            "q": q,
            "limit": page_size,
        }
        return self._connection.send(
            Operation("POST", "/v1/search/similar", types.SimilarSounds, body=body)
        )

    def duplicates(self, *, page_size: int | None = None) -> Iterator[types.DuplicateGroup]:
        """Yield groups of items with the same sound: exact copies, and near ones.

        Parameters
        ----------
        page_size
            How many groups are fetched at a time, at most 200.
        """
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/duplicates",
                types.Page[types.DuplicateGroup],
                query={"limit": page_size},
            )
        )
