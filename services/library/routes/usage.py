"""`/usage`: what an account stores, and its limit."""

from fastapi import APIRouter

from contracts.uploads import Usage
from kit.http.routes import GuardedRoute
from services.library.catalogue.hiding import hidden_usage
from services.library.routes.context import REFUSED, Context, Reader
from services.library.usage import show, stored_by


def usage_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/usage", tags=["usage"], responses=REFUSED)

    @router.get("")
    async def get(principal: Reader) -> Usage:
        """Return the bytes of uploaded files, results and open uploads, and the limit."""
        async with server.database.session() as session:
            hidden = await hidden_usage(session, principal.owner)
            return show(await stored_by(session, principal.owner), hidden, limits=server.policy)

    return router
