"""Invitations to open an account, for administrators."""

from typing import Annotated

from fastapi import APIRouter

from contracts.base import Message
from contracts.identity import (
    Invitation,
    InvitationCreate,
    NewInvitation,
    Principal,
    Scope,
)
from gateway.invitations import Invitations
from kit.auth.dependencies import require
from kit.http.routes import GuardedRoute

Administrator = Annotated[Principal, require(Scope.ADMIN)]
"""A caller who administers the server and has logged in."""


class InvitationList(Message):
    """Every invitation: few wait at a time and old ones are removed, so there is one page."""

    items: tuple[Invitation, ...]
    next: str | None = None


def invitation_routes(invitations: Invitations) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/invitations", tags=["invitations"])

    @router.get("")
    async def list_invitations(principal: Administrator) -> InvitationList:
        """List invitations, newest first, without their secrets.

        One that has ended, used or not, is listed for a day more.
        """
        return InvitationList(items=await invitations.all())

    @router.post("", status_code=201)
    async def make_invitation(asked: InvitationCreate, principal: Administrator) -> NewInvitation:
        """Make an invitation that opens one account; its secret is in this answer and nowhere else.

        It is sent as `invitation` with `POST /v1/accounts`.
        """
        return await invitations.make(principal, asked)

    @router.delete("/{invitation}", status_code=204)
    async def revoke_invitation(invitation: str, principal: Administrator) -> None:
        """Revoke an invitation. An account that was opened with it stays."""
        await invitations.revoke(principal, invitation)

    return router
