# Made from _async/multitracks.py by make_sync.py: change that file.
"""Multitracks: songs made of a user's own stems."""

from collections.abc import Iterable, Mapping
from typing import Any

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, idempotency_key


class Multitracks(Resource):
    """Make songs of uploaded stems."""

    def create(
        self,
        name: str,
        parts: Iterable[types.MultitrackPart],
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> types.Multitrack:
        """Make a song of items that are ready; the job in the answer mixes them.

        Parameters
        ----------
        parts
            The items, each with the stem that it holds. Several of one stem are summed.
        """
        body: dict[str, Any] = {"name": name, "parts": [dict(part) for part in parts]}
        if metadata:
            body["metadata"] = dict(metadata)
        return self._connection.send(
            Operation(
                "POST", "/v1/multitracks", types.Multitrack, body=body, headers=idempotency_key()
            )
        )
