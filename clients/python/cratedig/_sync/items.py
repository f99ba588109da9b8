# Made from _async/items.py by make_sync.py: change that file.
"""Items: songs, stems, samples and recordings."""

from collections.abc import Iterable, Iterator
from types import NoneType
from typing import Unpack

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, idempotency_key


class Items(Resource):
    """List, show, change and delete items."""

    def list(
        self,
        *,
        q: str | None = None,
        kind: types.ItemKind | None = None,
        state: types.ItemState | None = None,
        parent: str | None = None,
        roots: bool | None = None,
        page_size: int | None = None,
    ) -> Iterator[types.Item]:
        """Yield items, newest first.

        Parameters
        ----------
        q
            Words that the name or the metadata holds.
        parent
            Only what was cut from this item.
        roots
            True: only items that were cut from no other; false: only those that were.
        page_size
            How many are fetched at a time, at most 200.
        """
        query = {"q": q, "kind": kind, "state": state, "parent": parent, "roots": roots}
        return self._connection.pages(
            Operation(
                "GET", "/v1/items", types.Page[types.Item], query={**query, "limit": page_size}
            )
        )

    def get(self, item: str) -> types.Item:
        """Show an item."""
        return self._connection.send(
            Operation("GET", "/v1/items/{item}", types.Item, {"item": item})
        )

    def update(self, item: str, **changes: Unpack[types.ItemChanges]) -> types.Item:
        """Change an item: `name`, `kind`, `stem`, `bpm`, `rating`, `metadata` or `tag_encoding`.

        What is not given stays; `None` clears a value.
        """
        return self._connection.send(
            Operation("PATCH", "/v1/items/{item}", types.Item, {"item": item}, body=dict(changes))
        )

    def delete(self, item: str, *, permanently: bool | None = None) -> None:
        """Delete an item with its files, its jobs and everything that was cut from it.

        For 30 days it is only hidden, and `restore` brings it back.

        Parameters
        ----------
        permanently
            Whether to delete it at once, so that it cannot be restored.
        """
        self._connection.send(
            Operation(
                "DELETE",
                "/v1/items/{item}",
                NoneType,
                {"item": item},
                query={"permanently": permanently},
            )
        )

    def restore(self, item: str) -> types.Item:
        """Restore a deleted item with everything that was hidden with it."""
        return self._connection.send(
            Operation(
                "POST",
                "/v1/items/{item}/restore",
                types.Item,
                {"item": item},
                headers=idempotency_key(),
            )
        )

    def hidden(self, *, page_size: int | None = None) -> Iterator[types.HiddenItem]:
        """Yield the deleted items that can be restored, those deleted last first.

        Parameters
        ----------
        page_size
            How many are fetched at a time, at most 200.
        """
        return self._connection.pages(
            Operation("GET", "/v1/hidden", types.Page[types.HiddenItem], query={"limit": page_size})
        )

    def favourite(self, item: str) -> types.Item:
        """Set the favourite mark of an item."""
        return self._connection.send(
            Operation("PUT", "/v1/items/{item}/favourite", types.Item, {"item": item})
        )

    def unfavourite(self, item: str) -> None:
        """Clear the favourite mark of an item."""
        self._connection.send(
            Operation("DELETE", "/v1/items/{item}/favourite", NoneType, {"item": item})
        )

    def edit(self, edits: Iterable[types.ItemsEdit]) -> types.EditResults:
        """Change up to 500 items with one request; an item that cannot be changed fails alone."""
        return self._connection.send(
            Operation(
                "POST",
                "/v1/items/edit",
                types.EditResults,
                body={"edits": [dict(edit) for edit in edits]},
                headers=idempotency_key(),
            )
        )

    def notes(
        self,
        item: str,
        *,
        stem: types.Stem | None = None,
        onset: float | None = None,
        note: float | None = None,
        shortest: float | None = None,
        start: float | None = None,
        end: float | None = None,
    ) -> types.DecodedNotes:
        """Return the notes of an item or of a stem at other thresholds; no job runs.

        Parameters
        ----------
        onset, note
            Minimum confidence of an onset and of a sounding note, 0.2 to 0.95; by default those of
            the job that made the item's notes.
        shortest
            Milliseconds.
        start, end
            Seconds between which the notes begin, at most 1200 apart.
        """
        query = {"stem": stem, "onset": onset, "note": note, "shortest": shortest}
        return self._connection.send(
            Operation(
                "GET",
                "/v1/items/{item}/notes",
                types.DecodedNotes,
                {"item": item},
                query={**query, "start": start, "end": end},
            )
        )

    def waveforms(self, items: Iterable[str]) -> types.Waveforms:
        """Return the small waveforms of up to 200 items, of those that have one."""
        return self._connection.send(
            Operation("POST", "/v1/waveforms", types.Waveforms, body={"items": list(items)})
        )
