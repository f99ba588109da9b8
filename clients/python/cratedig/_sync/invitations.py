# Made from _async/invitations.py by make_sync.py: change that file.
"""Invitations to open an account."""

from collections.abc import Iterator
from types import NoneType

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class Invitations(Resource):
    """Create, list and revoke invitations, as an administrator."""

    def create(self, note: str = "", *, days: int = 7) -> types.Invitation:
        """Create an invitation that opens one account. Only this answer holds its code."""
        body = {"note": note, "days": days}
        return self._connection.send(
            Operation("POST", "/v1/invitations", types.Invitation, body=body)
        )

    def list(self) -> Iterator[types.Invitation]:
        """Yield the invitations of the server."""
        return self._connection.pages(
            Operation("GET", "/v1/invitations", types.Page[types.Invitation])
        )

    def revoke(self, invitation: str) -> None:
        """Revoke an invitation by its id."""
        self._connection.send(
            Operation(
                "DELETE", "/v1/invitations/{invitation}", NoneType, {"invitation": invitation}
            )
        )
