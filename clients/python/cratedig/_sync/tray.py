# Made from _async/tray.py by make_sync.py: change that file.
"""The tray: 16 places for items."""

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class Tray(Resource):
    """Show and fill the tray."""

    def get(self) -> types.Tray:
        """Show the 16 places."""
        return self._connection.send(Operation("GET", "/v1/tray", types.Tray))

    def put(self, place: int, item: str | None, *, locked: bool = False) -> types.Tray:
        """Fill a place, or clear it with `None`; an item that has another place swaps places.

        Raises
        ------
        ConflictError
            The place is locked. Put its own item with `locked` false first.
        """
        return self._connection.send(
            Operation(
                "PUT",
                "/v1/tray/{place}",
                types.Tray,
                {"place": str(place)},
                body={"item": item, "locked": locked},
            )
        )
