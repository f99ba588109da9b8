# Made from _async/tags.py by make_sync.py: change that file.
"""Tags: words that a user puts on items."""

from collections.abc import Iterator
from types import NoneType

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class Tags(Resource):
    """List, add and remove custom tags."""

    def list(
        self, *, q: str | None = None, page_size: int | None = None
    ) -> Iterator[types.TagCount]:
        """Yield tags in alphabetical order with how many items have each.

        Parameters
        ----------
        q
            Only tags that begin with this text.
        page_size
            How many are fetched at a time, at most 200.
        """
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/tags",
                types.Page[types.TagCount],
                query={"q": q, "limit": page_size},
            )
        )

    def add(self, item: str, tag: str) -> types.Item:
        """Add a tag to an item; a tag that it has keeps its spelling."""
        return self._connection.send(
            Operation("PUT", "/v1/items/{item}/tags/{tag}", types.Item, {"item": item, "tag": tag})
        )

    def remove(self, item: str, tag: str) -> None:
        """Remove a tag from an item; case and accents do not matter."""
        self._connection.send(
            Operation("DELETE", "/v1/items/{item}/tags/{tag}", NoneType, {"item": item, "tag": tag})
        )
