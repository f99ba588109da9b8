"""`/usage`: how much an account stores, and how much it may."""

from fastapi import APIRouter

from contracts.uploads import Usage
from kit.http.routes import GuardedRoute
from services.library.catalogue.usage import show, stored_by
from services.library.context import REFUSED, Context, Reader


def usage_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/usage", tags=["usage"], responses=REFUSED)

    @router.get("")
    async def get(principal: Reader) -> Usage:
        """Show what is stored: uploaded files, results, uploads under way, and the limit."""
        async with server.database.session() as session:
            return show(await stored_by(session, principal.owner), policy=server.policy)

    return router
