"""`/keys`: API keys."""

from fastapi import APIRouter

from contracts.base import Message
from contracts.identity import ApiKey, KeyCreate, NewApiKey
from gateway.api_keys import ApiKeys
from gateway.routes.accounts import Holder
from kit.http.routes import GuardedRoute


class ApiKeyList(Message):
    """All API keys of an account, at most a hundred, on one page."""

    items: tuple[ApiKey, ...]
    next: str | None = None


def key_routes(keys: ApiKeys) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/keys", tags=["keys"])

    @router.get("")
    async def list_keys(principal: Holder) -> ApiKeyList:
        """List the account's API keys, newest first, without their secrets."""
        return ApiKeyList(items=await keys.all_of(principal))

    @router.post("", status_code=201)
    async def make_key(body: KeyCreate, principal: Holder) -> NewApiKey:
        """Create an API key; only this response contains its secret."""
        return await keys.make(principal, body)

    @router.delete("/{key}", status_code=204)
    async def delete_key(key: str, principal: Holder) -> None:
        """Delete an API key; it stops working at once."""
        await keys.delete(principal, key)

    return router
