"""`/collections/{collection}/clearance`: the clearance sheet, as JSON or CSV."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from contracts.collections import Clearance, CollectionRef
from kit.http.list_cursor import ListPaging, ListQuery
from kit.http.pagination import MAX_LIMIT, Page
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.collections.clearance import clearance_lines, clearance_page
from services.library.collections.repository import Collections
from services.library.routes.context import REFUSED, Context, Reader

_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}


class SheetFormat(StrEnum):
    """The format of a clearance sheet."""

    JSON = "json"
    """By pages."""
    CSV = "csv"
    """Whole, as one file."""


def clearance_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/collections", tags=["collections"], responses=REFUSED
    )

    @router.get("/{collection}/clearance", response_model=Page[Clearance], responses=_CSV)
    async def sheet(
        principal: Reader,
        collection: CollectionRef,
        paging: ListPaging,
        format: SheetFormat = SheetFormat.JSON,
    ) -> Page[Clearance] | Response:
        """Return licence and source of each item, inherited from what the item was cut from.

        As CSV the answer is the whole sheet, whatever `limit` and `cursor` are.
        """
        if format is SheetFormat.JSON:
            async with server.database.session() as session:
                collections = Collections(session, principal)
                opened = await collections.get(collection, Action.READ)
                rows, following = await clearance_page(collections, opened, paging)
            return Page(items=tuple(rows), next=following)

        async def read(cursor: str | None) -> tuple[list[Clearance], str | None]:
            # A session for each page: a slow reader holds no connection.
            async with server.database.session() as session:
                collections = Collections(session, principal)
                opened = await collections.get(collection, Action.READ)
                request = ListQuery(limit=MAX_LIMIT, cursor=cursor)
                return await clearance_page(collections, opened, request)

        # Before the answer begins, so that a refusal has a status of its own.
        rows, cursor = await read(None)

        async def lines() -> AsyncIterator[str]:
            nonlocal rows, cursor
            yield clearance_lines(rows, head=True)
            while cursor is not None:
                rows, cursor = await read(cursor)
                yield clearance_lines(rows, head=False)

        return StreamingResponse(
            lines(),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="clearance.csv"'},
        )

    return router
