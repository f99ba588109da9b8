"""Invitations to open an account."""

from collections.abc import AsyncIterator
from types import NoneType

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncInvitations(AsyncResource):
    """Create, list and revoke invitations, as an administrator."""

    async def create(self, note: str = "", *, days: int = 7) -> types.Invitation:
        """Create an invitation that opens one account. Only this answer holds its code."""
        body = {"note": note, "days": days}
        return await self._connection.send(
            Operation("POST", "/v1/invitations", types.Invitation, body=body)
        )

    def list(self) -> AsyncIterator[types.Invitation]:
        """Yield the invitations of the server."""
        return self._connection.pages(
            Operation("GET", "/v1/invitations", types.Page[types.Invitation])
        )

    async def revoke(self, invitation: str) -> None:
        """Revoke an invitation by its id."""
        await self._connection.send(
            Operation(
                "DELETE", "/v1/invitations/{invitation}", NoneType, {"invitation": invitation}
            )
        )
