# Made from _async/cuts.py by make_sync.py: change that file.
"""Cuts: the slices of a recording, edited by hand and rendered as samples."""

from collections.abc import Iterable

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, idempotency_key


class Cuts(Resource):
    """Show, edit and render the cuts of an item or of one of its stems."""

    def get(self, item: str, *, stem: types.Stem | None = None) -> types.CutList:
        """Return the cuts with the samples made from them.

        Parameters
        ----------
        stem
            The stem that is cut; without it the item itself.
        """
        return self._connection.send(
            Operation(
                "GET",
                "/v1/items/{item}/cuts",
                types.CutList,
                {"item": item},
                query={"stem": stem},
            )
        )

    def edit(
        self,
        item: str,
        edits: Iterable[types.CutEdit],
        *,
        version: int,
        stem: types.Stem | None = None,
    ) -> types.CutList:
        """Make edits, all or none of them: `move`, `split`, `merge`, `delete`, `add`, `reset`.

        Parameters
        ----------
        version
            The version of the list that the edits are meant for, as `get` returns it.
        """
        return self._connection.send(
            Operation(
                "PATCH",
                "/v1/items/{item}/cuts",
                types.CutList,
                {"item": item},
                query={"stem": stem},
                body={"version": version, "edits": [dict(edit) for edit in edits]},
            )
        )

    def render(self, item: str, *, stem: types.Stem | None = None) -> types.Run:
        """Start the run that makes and tags the samples of the user's cuts."""
        return self._connection.send(
            Operation(
                "POST",
                "/v1/items/{item}/cuts/render",
                types.Run,
                {"item": item},
                query={"stem": stem},
                headers=idempotency_key(),
            )
        )
