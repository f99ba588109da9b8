# Made from _async/saved_searches.py by make_sync.py: change that file.
"""Saved searches, which count and report what they newly find."""

from collections.abc import Iterator
from types import NoneType
from typing import Unpack

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, idempotency_key


class SavedSearches(Resource):
    """Save, list, edit, open and delete searches."""

    def list(self, *, page_size: int | None = None) -> Iterator[types.SavedSearch]:
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

    def create(self, name: str, q: str, *, notify: bool = False) -> types.SavedSearch:
        """Save a search.

        Parameters
        ----------
        q
            The search in the query language, such as `class:kick len:<0.3`.
        notify
            Whether the event `search.matched` reports what it newly finds.
        """
        return self._connection.send(
            Operation(
                "POST",
                "/v1/saved-searches",
                types.SavedSearch,
                body={"name": name, "q": q, "notify": notify},
                headers=idempotency_key(),
            )
        )

    def get(self, search: str) -> types.SavedSearch:
        """Show a saved search."""
        return self._connection.send(
            Operation("GET", "/v1/saved-searches/{search}", types.SavedSearch, {"search": search})
        )

    def update(self, search: str, **changes: Unpack[types.SavedSearchChanges]) -> types.SavedSearch:
        """Change name, query or notification; a changed query starts counting from zero."""
        return self._connection.send(
            Operation(
                "PATCH",
                "/v1/saved-searches/{search}",
                types.SavedSearch,
                {"search": search},
                body=dict(changes),
            )
        )

    def seen(self, search: str) -> types.SavedSearch:
        """Note that its results were looked at: nothing of them is new any more."""
        return self._connection.send(
            Operation(
                "POST",
                "/v1/saved-searches/{search}/seen",
                types.SavedSearch,
                {"search": search},
                headers=idempotency_key(),
            )
        )

    def delete(self, search: str) -> None:
        """Delete a saved search; items stay."""
        self._connection.send(
            Operation("DELETE", "/v1/saved-searches/{search}", NoneType, {"search": search})
        )
