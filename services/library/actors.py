"""Who the library's transactions act as: callers, guests by a link, and the library itself."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.identity import Principal
from kit.database.actors import NOBODY, SERVICE, act_as, acting_as
from kit.service import Background

_LINK = "link:"


def act_for(principal: Principal) -> None:
    """Act as a caller: their transactions see own rows, and those shared with them."""
    act_as(principal.owner)


def act_for_administrator(_: Principal) -> None:
    """Act as the library, which sees the rows of all owners."""
    act_as(SERVICE)


async def act_as_service() -> None:
    """Act as the library; a dependency of the internal routes."""
    act_as(SERVICE)


def link_actor(secret_sha256: str) -> str:
    """Return the actor of a caller without an account, who has a link's secret."""
    return f"{_LINK}{secret_sha256}"


def in_background(run: Background) -> Background:
    """Return background work that acts as the library."""

    async def act(stopping: asyncio.Event) -> None:
        with acting_as(SERVICE):
            await run(stopping)

    return act


class RequestActor:
    """ASGI middleware: a request acts as nobody until its caller is known."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        with acting_as(NOBODY):
            await self._app(scope, receive, send)
