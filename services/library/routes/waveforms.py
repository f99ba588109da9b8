"""`/waveforms`: the small waveforms of many items in one response."""

from typing import Annotated

from fastapi import APIRouter, Body

from contracts.waveforms import WaveformRequest, Waveforms
from kit.http.routes import GuardedRoute
from services.library.collections.repository import Collections
from services.library.collections.waveforms import read_waveforms
from services.library.routes.context import REFUSED, Context, Reader

_EXAMPLE = {"Two rows": {"value": {"items": [
    "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f", "0197f3a2-7d3e-7f40-a152-3c4d5e6f7081",
]}}}  # fmt: skip


def waveform_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/waveforms", tags=["waveforms"], responses=REFUSED
    )

    @router.post("")
    async def read(
        principal: Reader, request: Annotated[WaveformRequest, Body(openapi_examples=_EXAMPLE)]
    ) -> Waveforms:
        """Return the waveforms of up to 200 items: 150 columns of peak and RMS each.

        Items that do not exist, are not ready or belong to somebody else are left out, unless a
        shared collection holds them. The waveform of an item never changes, so a client may keep
        it.
        """
        async with server.database.session() as session:
            return await read_waveforms(Collections(session, principal), request.items)

    return router
