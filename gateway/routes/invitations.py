"""`/invitations`: invitations to create an account, for administrators."""

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
"""A caller with an administrator's session."""


class InvitationList(Message):
    """All invitations on one page; expired ones are deleted after a day."""

    items: tuple[Invitation, ...]
    next: str | None = None


def invitation_routes(invitations: Invitations) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/invitations", tags=["invitations"])

    @router.get("")
    async def list_invitations(principal: Administrator) -> InvitationList:
        """List invitations, newest first, without their secrets.

        The list contains expired invitations, used or not, for one more day.
        """
        return InvitationList(items=await invitations.all())

    @router.post("", status_code=201)
    async def make_invitation(body: InvitationCreate, principal: Administrator) -> NewInvitation:
        """Create an invitation for one account; only this response contains its secret.

        The invited person sends the secret as `invitation` with `POST /v1/accounts`.
        """
        return await invitations.make(principal, body)

    @router.delete("/{invitation}", status_code=204)
    async def revoke_invitation(invitation: str, principal: Administrator) -> None:
        """Revoke an invitation; an account that was created with it stays."""
        await invitations.revoke(principal, invitation)

    return router
