"""`/items/edit`: change many items with one request."""

from typing import Annotated

from fastapi import APIRouter, Body

from contracts.item_edits import BulkEdit, EditResults
from kit.http.routes import GuardedRoute
from services.library.collections.bulk_edit import edit_items
from services.library.collections.repository import Collections
from services.library.idempotency import Key
from services.library.routes.context import REFUSED, Context, Writer

_EXAMPLE = {
    "Tags and a favourite": {
        "value": {
            "edits": [
                {
                    "items": ["0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"],
                    "add_tags": ["dusty", "vinyl"],
                    "favourite": True,
                }
            ]
        }
    },
    "A licence": {
        "value": {
            "edits": [
                {
                    "items": ["0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"],
                    "set_metadata": {"licence": "CC0-1.0"},
                }
            ]
        }
    },
}


def item_edit_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/items", tags=["items"], responses=REFUSED)

    @router.post("/edit")
    async def edit(
        principal: Writer,
        request: Annotated[BulkEdit, Body(openapi_examples=_EXAMPLE)],
        key: Key = None,
    ) -> EditResults:
        """Change up to 500 items; an item that cannot be changed fails alone.

        A repeated request changes nothing.
        """
        async with server.database.transaction() as session:
            return await edit_items(
                Collections(session, principal),
                request,
                max_items=server.settings.collection_items,
            )

    return router
