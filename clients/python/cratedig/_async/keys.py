"""API keys."""

from collections.abc import AsyncIterator, Iterable
from types import NoneType

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncKeys(AsyncResource):
    """Create, list and revoke API keys. This takes a session; a key cannot do it."""

    async def create(
        self, name: str, scopes: Iterable[types.KeyScope], *, days: int = 90
    ) -> types.ApiKey:
        """Create an API key that is valid for some days. Only this answer holds its secret."""
        body = {"name": name, "scopes": sorted(scopes), "days": days}
        return await self._connection.send(Operation("POST", "/v1/keys", types.ApiKey, body=body))

    def list(self) -> AsyncIterator[types.ApiKey]:
        """Yield the account's API keys."""
        return self._connection.pages(Operation("GET", "/v1/keys", types.Page[types.ApiKey]))

    async def revoke(self, key: str) -> None:
        """Revoke an API key by its id."""
        await self._connection.send(Operation("DELETE", "/v1/keys/{key}", NoneType, {"key": key}))
