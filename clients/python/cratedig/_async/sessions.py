"""Sessions: login, logout."""

from dataclasses import replace
from types import NoneType

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.credentials import Credentials
from cratedig.operations import Operation


class AsyncSessions(AsyncResource):
    """Log in and out. A session is refreshed by itself when its access token expires."""

    async def create(self, email: str, password: str) -> types.Session:
        """Log in; the client uses the new session from now on.

        Raises
        ------
        AuthenticationError
            The email address or the password is wrong.
        """
        body = {"email": email, "password": password}
        session = await self._connection.send(
            Operation("POST", "/v1/sessions", types.Session, body=body, anonymous=True)
        )
        self._use(session, email)
        return session

    async def create_with_code(self, code: str) -> types.Session:
        """Log in with the code of a sign-in link; the client uses the new session from now on.

        Raises
        ------
        AuthenticationError
            The code was used, or is older than ten minutes.
        """
        session = await self._connection.send(
            Operation(
                "POST", "/v1/sessions/one-time", types.Session, body={"code": code}, anonymous=True
            )
        )
        self._use(session, "")
        return session

    async def options(self) -> types.SignInOptions:
        """Return how people can sign in: with passwords, and with which providers."""
        return await self._connection.send(
            Operation("GET", "/v1/sign-in", types.SignInOptions, anonymous=True)
        )

    async def start_device(self, provider: str) -> types.DeviceAuthorization:
        """Begin to log in with a device code of a provider.

        Show `user_code` and `verification_uri` to the user, then call `create_with_device` every
        `interval` seconds.

        Raises
        ------
        NotFoundError
            The server has no such provider; `options` returns them.
        ConflictError
            The provider offers no device codes.
        """
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/sign-in/{provider}/device",
                types.DeviceAuthorization,
                {"provider": provider},
                anonymous=True,
            )
        )

    async def create_with_device(self, provider: str, device_code: str) -> types.DeviceSession:
        """Log in with a device code if the user has signed in; the client uses the new session.

        Raises
        ------
        AuthenticationError
            The user refused, or the code has expired.
        PermissionDeniedError
            The user may not use this server.
        """
        session = await self._connection.send(
            Operation(
                "POST",
                "/v1/sign-in/{provider}/device/session",
                types.DeviceSession,
                {"provider": provider},
                body={"device_code": device_code},
                anonymous=True,
            )
        )
        if session.tokens is not None:
            self._use(session.tokens, "")
        return session

    async def refresh(self) -> None:
        """Exchange the refresh token for a new session now.

        Raises
        ------
        AuthenticationError
            The session has expired, or there is none.
        """
        await self._connection.refresh(self._connection.credentials.access_token)

    async def delete(self) -> None:
        """Log out: end every session of the account, and forget this one's tokens."""
        await self._connection.send(Operation("DELETE", "/v1/sessions", NoneType))
        self._connection.set_credentials(Credentials(url=self._connection.credentials.url))

    async def log_out(self) -> types.LoggedOut:
        """Log out as `delete` does; return where the session at the provider ends, if it does."""
        ended = await self._connection.send(
            Operation("POST", "/v1/sessions/logout", types.LoggedOut)
        )
        self._connection.set_credentials(Credentials(url=self._connection.credentials.url))
        return ended

    def _use(self, session: types.Session, email: str) -> None:
        self._connection.set_credentials(
            replace(
                self._connection.credentials,
                access_token=session.access_token,
                refresh_token=session.refresh_token,
                email=email,
            )
        )
