"""Sends operations to a server: credentials, retries, pages."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import httpx

from cratedig import files, http, types
from cratedig.credentials import Credentials, Saver
from cratedig.errors import AuthenticationError
from cratedig.operations import Operation

T = TypeVar("T")


class AsyncConnection:
    """A connection to one server, shared by the resources of a client.

    Parameters
    ----------
    credentials
        The address, and the tokens that are used until others are set.
    save
        Called with the new credentials whenever they change.
    transport
        Another transport of httpx; for tests.
    """

    def __init__(
        self, credentials: Credentials, save: Saver, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self.http = httpx.AsyncClient(timeout=http.TIMEOUT, transport=transport)
        self._credentials = credentials
        self._save = save
        self._refreshing = asyncio.Lock()

    @property
    def credentials(self) -> Credentials:
        """The address and the tokens in use."""
        return self._credentials

    def set_credentials(self, credentials: Credentials) -> None:
        """Use other credentials from now on, and save them."""
        self._credentials = credentials
        self._save(credentials)

    async def send(self, operation: Operation[T]) -> T:
        """Send an operation and return its parsed response.

        A repeatable operation is sent again when the server is busy or cannot be reached.
        """
        for attempt in range(http.MAX_ATTEMPTS):
            try:
                response = await self._respond(operation)
                return operation.read(response.content)
            except http.TRANSIENT as error:
                if attempt + 1 == http.MAX_ATTEMPTS or not operation.repeatable:
                    raise
                await asyncio.sleep(http.backoff(attempt, error))
        raise AssertionError("unreachable")

    async def pages(self, operation: Operation[types.Page[T]]) -> AsyncIterator[T]:
        """Yield every entry of a list, fetching its pages as needed."""
        while True:
            page = await self.send(operation)
            for item in page.items:
                yield item
            if page.next is None:
                return
            operation = replace(operation, query={**operation.query, "cursor": page.next})

    async def save(self, operation: Operation[bytes], path: Path) -> Path:
        """Write the body of a response into a file, which appears once it is complete."""
        partial = path.with_name(path.name + ".partial")
        expired = self._credentials.access_token
        try:
            response = await self._stream(operation)
            if http.token_expired(response, operation, self._credentials):
                await response.aclose()
                await self.refresh(expired)
                response = await self._stream(operation)
            async with contextlib.aclosing(response):
                if response.is_error:
                    await response.aread()
                    raise http.error_of(response)
                with partial.open("wb") as file:
                    async for block in response.aiter_bytes(files.BLOCK):
                        file.write(block)
            return partial.replace(path)
        except httpx.TransportError as error:
            raise http.unreachable(self._credentials.url, error) from error
        finally:
            partial.unlink(missing_ok=True)

    async def _stream(self, operation: Operation[bytes]) -> httpx.Response:
        request = http.build_request(self.http, operation, self._credentials)
        return await self.http.send(request, stream=True)

    async def refresh(self, expired: str) -> None:
        """Exchange the refresh token for a new session.

        A refresh token works once, and its second use ends the session. So only one of several
        requests that meet the same expired access token sends it.

        Parameters
        ----------
        expired
            The access token that the server did not accept.
        """
        async with self._refreshing:
            if self._credentials.access_token != expired:
                return
            if not self._credentials.refresh_token:
                raise AuthenticationError("There is no session to refresh. Run `cratedig login`.")
            body = {"refresh_token": self._credentials.refresh_token}
            operation = Operation(
                "POST", "/v1/sessions/refresh", types.Session, body=body, anonymous=True
            )
            response = await self._send_once(operation)
            if response.status_code == 401:
                raise AuthenticationError("The session has expired. Run `cratedig login`.")
            if response.is_error:
                raise http.error_of(response)
            session = operation.read(response.content)
            self.set_credentials(
                replace(
                    self._credentials,
                    access_token=session.access_token,
                    refresh_token=session.refresh_token,
                )
            )

    async def _respond(self, operation: Operation[T]) -> httpx.Response:
        credentials = self._credentials
        response = await self._send_once(operation)
        if http.token_expired(response, operation, credentials):
            await self.refresh(credentials.access_token)
            response = await self._send_once(operation)
        if response.is_error:
            raise http.error_of(response)
        return response

    async def _send_once(self, operation: Operation[T]) -> httpx.Response:
        request = http.build_request(self.http, operation, self._credentials)
        try:
            return await self.http.send(request)
        except httpx.TransportError as error:
            raise http.unreachable(self._credentials.url, error) from error
