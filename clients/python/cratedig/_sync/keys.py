# Made from _async/keys.py by make_sync.py: change that file.
"""API keys."""

from collections.abc import Iterable, Iterator
from types import NoneType

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class Keys(Resource):
    """Create, list and revoke API keys. This takes a session; a key cannot do it."""

    def create(
        self, name: str, scopes: Iterable[types.KeyScope], *, days: int = 90
    ) -> types.ApiKey:
        """Create an API key that is valid for some days. Only this answer holds its secret."""
        body = {"name": name, "scopes": sorted(scopes), "days": days}
        return self._connection.send(Operation("POST", "/v1/keys", types.ApiKey, body=body))

    def list(self) -> Iterator[types.ApiKey]:
        """Yield the account's API keys."""
        return self._connection.pages(Operation("GET", "/v1/keys", types.Page[types.ApiKey]))

    def revoke(self, key: str) -> None:
        """Revoke an API key by its id."""
        self._connection.send(Operation("DELETE", "/v1/keys/{key}", NoneType, {"key": key}))
