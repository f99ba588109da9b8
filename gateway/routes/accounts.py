"""`/accounts`, `/account` and `/sessions`: sign up, log in and manage the account."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Request, Response

from contracts.identity import (
    Account,
    AccountCreate,
    AccountDelete,
    PasswordChange,
    Principal,
    Scope,
    SessionCreate,
    SessionRefresh,
    SignInCode,
    TokenPair,
)
from contracts.problems import FieldProblem, ProblemCode
from gateway.accounts import Accounts
from gateway.authenticator import session_ended
from gateway.page_sessions import ClientHeader, PageSessions
from kit.auth.dependencies import ANYONE, require
from kit.http.errors import ProblemError
from kit.http.routes import GuardedRoute

AddressOf = Callable[[Request], str]
"""Returns the caller's address of a request."""
Holder = Annotated[Principal, require(Scope.ACCOUNT)]
"""A caller with a session; an API key is not accepted."""


def account_routes(accounts: Accounts, pages: PageSessions, address_of: AddressOf) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, tags=["accounts"])

    @router.post("/accounts", status_code=201, openapi_extra=ANYONE)
    async def open_account(body: AccountCreate, request: Request) -> Account:
        """Create an account.

        The first account of a server is its administrator. The server may require an invitation
        for further accounts, or refuse them. For an address that already has an account the
        response is the same, and nothing changes.
        """
        return await accounts.register(body, address=address_of(request))

    @router.post("/sessions", status_code=201, openapi_extra=ANYONE)
    async def log_in(
        body: SessionCreate, request: Request, response: Response, client: ClientHeader = None
    ) -> TokenPair:
        """Log in; returns a short-lived access token and a single-use refresh token.

        A page of this server gets the refresh token as a cookie that scripts cannot read.
        """
        if client:
            pages.check_origin(request)
        pair = await accounts.log_in(body, address=address_of(request))
        return pages.hand_out(pair, response) if client else pair

    @router.post("/sessions/one-time", status_code=201, openapi_extra=ANYONE)
    async def log_in_with_code(
        body: SignInCode, request: Request, response: Response, client: ClientHeader = None
    ) -> TokenPair:
        """Log in with the code of a sign-in link, which works once, for 10 minutes."""
        if client:
            pages.check_origin(request)
        pair = await accounts.log_in_with_code(body.code)
        return pages.hand_out(pair, response) if client else pair

    @router.post("/sessions/refresh", status_code=201, openapi_extra=ANYONE)
    async def refresh(
        body: SessionRefresh, request: Request, response: Response, client: ClientHeader = None
    ) -> TokenPair:
        """Exchange a refresh token for a new access token and refresh token.

        A second use within 10 seconds, for example after a lost response, returns the same refresh
        token again; a later one ends the session. A page of this server sends `{}` as the body: its
        refresh token is in the cookie.
        """
        if body.refresh_token is not None:
            return await accounts.refresh(body.refresh_token)
        if client is None:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                "A part of the request is missing, malformed or out of range; see `fields`.",
                fields=(
                    FieldProblem(field="body.refresh_token", message="this field is required"),
                ),
            )
        pages.check_origin(request)
        if (token := pages.token(request)) is None:
            raise session_ended()
        return pages.hand_out(await accounts.refresh(token), response)

    @router.delete("/sessions", status_code=204)
    async def log_out(principal: Holder, request: Request, response: Response) -> None:
        """Log out everywhere: end every session of the account at once."""
        await accounts.log_out(principal)
        pages.clear(request, response)

    @router.get("/account")
    async def show_account(principal: Holder) -> Account:
        """Return the account."""
        return await accounts.show(principal)

    @router.delete("/account", status_code=204)
    async def delete_account(body: AccountDelete, request: Request, principal: Holder) -> None:
        """Delete the account with all its items, files, jobs and API keys."""
        await accounts.delete(principal, body.password, address=address_of(request))

    @router.put("/account/password", status_code=204)
    async def change_password(body: PasswordChange, request: Request, principal: Holder) -> None:
        """Change the password, end every session, also this one, and delete every API key.

        With `keep_keys` the API keys stay valid, for a routine change of the password.
        """
        await accounts.change_password(principal, body, address=address_of(request))

    return router
