"""Saved searches, which count and report what they newly find."""

from collections.abc import AsyncIterator
from types import NoneType
from typing import Unpack

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation, idempotency_key


class AsyncSavedSearches(AsyncResource):
    """Save, list, edit, open and delete searches."""

    def list(self, *, page_size: int | None = None) -> AsyncIterator[types.SavedSearch]:
        """Yield saved searches, newest first, with how many new items each found.

        Parameters
        ----------
        page_size
            How many are fetched at a time, at most 200.
        """
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/saved-searches",
                types.Page[types.SavedSearch],
                query={"limit": page_size},
            )
        )

    async def create(self, name: str, q: str, *, notify: bool = False) -> types.SavedSearch:
        """Save a search.

        Parameters
        ----------
        q
            The search in the query language, such as `class:kick len:<0.3`.
        notify
            Whether the event `search.matched` reports what it newly finds.
        """
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/saved-searches",
                types.SavedSearch,
                body={"name": name, "q": q, "notify": notify},
                headers=idempotency_key(),
            )
        )

    async def get(self, search: str) -> types.SavedSearch:
        """Show a saved search."""
        return await self._connection.send(
            Operation("GET", "/v1/saved-searches/{search}", types.SavedSearch, {"search": search})
        )

    async def update(
        self, search: str, **changes: Unpack[types.SavedSearchChanges]
    ) -> types.SavedSearch:
        """Change name, query or notification; a changed query starts counting from zero."""
        return await self._connection.send(
            Operation(
                "PATCH",
                "/v1/saved-searches/{search}",
                types.SavedSearch,
                {"search": search},
                body=dict(changes),
            )
        )

    async def seen(self, search: str) -> types.SavedSearch:
        """Note that its results were looked at: nothing of them is new any more."""
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/saved-searches/{search}/seen",
                types.SavedSearch,
                {"search": search},
                headers=idempotency_key(),
            )
        )

    async def delete(self, search: str) -> None:
        """Delete a saved search; items stay."""
        await self._connection.send(
            Operation("DELETE", "/v1/saved-searches/{search}", NoneType, {"search": search})
        )
