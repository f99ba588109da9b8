"""Tags: words that a user puts on items."""

from collections.abc import AsyncIterator
from types import NoneType

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncTags(AsyncResource):
    """List, add and remove custom tags."""

    def list(
        self, *, q: str | None = None, page_size: int | None = None
    ) -> AsyncIterator[types.TagCount]:
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

    async def add(self, item: str, tag: str) -> types.Item:
        """Add a tag to an item; a tag that it has keeps its spelling."""
        return await self._connection.send(
            Operation("PUT", "/v1/items/{item}/tags/{tag}", types.Item, {"item": item, "tag": tag})
        )

    async def remove(self, item: str, tag: str) -> None:
        """Remove a tag from an item; case and accents do not matter."""
        await self._connection.send(
            Operation("DELETE", "/v1/items/{item}/tags/{tag}", NoneType, {"item": item, "tag": tag})
        )
