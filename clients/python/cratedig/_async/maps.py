"""Maps of sounds."""

import builtins
from types import NoneType

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncMaps(AsyncResource):
    """Create, show and delete maps."""

    async def list(self) -> builtins.list[types.Map]:
        """Return all maps by name."""
        page = await self._connection.send(Operation("GET", "/v1/maps", types.Page[types.Map]))
        return builtins.list(page.items)

    async def get(self, name: str) -> types.Map:
        """Return a map: its state, its quality and the labels of its regions."""
        return await self._connection.send(
            Operation("GET", "/v1/maps/{name}", types.Map, {"name": name})
        )

    async def put(
        self, name: str, *, collection: str | None = None, seed: int = 0, again: bool = False
    ) -> types.Map:
        """Create a map or change what it shows; the server computes its layout in the background.

        Parameters
        ----------
        collection
            One of your collections; `None` for all your samples.
        seed
            The number that random choices begin with.
        again
            Whether to compute a layout again that was computed, or failed.
        """
        return await self._connection.send(
            Operation(
                "PUT",
                "/v1/maps/{name}",
                types.Map,
                {"name": name},
                body={"collection": collection, "seed": seed},
                query={"again": again or None},
            )
        )

    async def delete(self, name: str) -> None:
        """Delete a map; its sounds stay."""
        await self._connection.send(
            Operation("DELETE", "/v1/maps/{name}", NoneType, {"name": name})
        )

    async def points(self, name: str) -> types.MapPoints:
        """Return the ids, places and classes of all sounds of a map."""
        data = await self._connection.send(
            Operation("GET", "/v1/maps/{name}/points", bytes, {"name": name})
        )
        return types.MapPoints.from_bytes(data)
