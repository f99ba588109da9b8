# Made from _async/account.py by make_sync.py: change that file.
"""The account of the caller."""

from types import NoneType

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig._sync.sessions import Sessions
from cratedig.operations import Operation


class Account(Resource):
    """Open, show and delete an account; change its password."""

    def create(
        self, email: str, password: str, *, name: str = "", invitation: str = ""
    ) -> types.Account:
        """Open an account and log in.

        Parameters
        ----------
        invitation
            The code of an administrator's invitation, if the server requires one.

        Raises
        ------
        PermissionDeniedError
            The server requires an invitation, or sign-up is closed.
        ConflictError
            There is an account with this email address.
        """
        body = {"email": email, "password": password, "name": name, "invitation": invitation}
        account = self._connection.send(
            Operation("POST", "/v1/accounts", types.Account, body=body, anonymous=True)
        )
        Sessions(self._connection).create(email, password)
        return account

    def get(self) -> types.Account:
        """Show the account."""
        return self._connection.send(Operation("GET", "/v1/account", types.Account))

    def change_password(self, current: str, new: str, *, keep_keys: bool = False) -> None:
        """Change the password. Every session ends, also this one.

        Parameters
        ----------
        keep_keys
            Keep the API keys valid; by default they are revoked.
        """
        body = {"current": current, "new": new, "keep_keys": keep_keys}
        self._connection.send(Operation("PUT", "/v1/account/password", NoneType, body=body))

    def delete(self, password: str) -> None:
        """Delete the account with all its data."""
        body = {"password": password}
        self._connection.send(Operation("DELETE", "/v1/account", NoneType, body=body))
