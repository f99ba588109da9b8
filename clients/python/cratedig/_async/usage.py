"""Storage that the account uses."""

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncUsage(AsyncResource):
    """Show how much the account stores."""

    async def get(self) -> types.Usage:
        """Return the bytes that are stored, and the account's limit."""
        return await self._connection.send(Operation("GET", "/v1/usage", types.Usage))
