"""The tray: 16 places for items."""

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncTray(AsyncResource):
    """Show and fill the tray."""

    async def get(self) -> types.Tray:
        """Show the 16 places."""
        return await self._connection.send(Operation("GET", "/v1/tray", types.Tray))

    async def put(self, place: int, item: str | None, *, locked: bool = False) -> types.Tray:
        """Fill a place, or clear it with `None`; an item that has another place swaps places.

        Raises
        ------
        ConflictError
            The place is locked. Put its own item with `locked` false first.
        """
        return await self._connection.send(
            Operation(
                "PUT",
                "/v1/tray/{place}",
                types.Tray,
                {"place": str(place)},
                body={"item": item, "locked": locked},
            )
        )
