"""The account of the caller."""

from types import NoneType

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig._async.sessions import AsyncSessions
from cratedig.operations import Operation


class AsyncAccount(AsyncResource):
    """Open, show and delete an account; change its password."""

    async def create(
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
        account = await self._connection.send(
            Operation("POST", "/v1/accounts", types.Account, body=body, anonymous=True)
        )
        await AsyncSessions(self._connection).create(email, password)
        return account

    async def get(self) -> types.Account:
        """Show the account."""
        return await self._connection.send(Operation("GET", "/v1/account", types.Account))

    async def change_password(self, current: str, new: str, *, keep_keys: bool = False) -> None:
        """Change the password. Every session ends, also this one.

        Parameters
        ----------
        keep_keys
            Keep the API keys valid; by default they are revoked.
        """
        body = {"current": current, "new": new, "keep_keys": keep_keys}
        await self._connection.send(Operation("PUT", "/v1/account/password", NoneType, body=body))

    async def delete(self, password: str) -> None:
        """Delete the account with all its data."""
        body = {"password": password}
        await self._connection.send(Operation("DELETE", "/v1/account", NoneType, body=body))
