"""`/accounts`, `/account` and `/sessions`: sign up, log in and manage the account."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Request

from contracts.identity import (
    Account,
    AccountCreate,
    AccountDelete,
    PasswordChange,
    Principal,
    Scope,
    SessionCreate,
    SessionRefresh,
    TokenPair,
)
from gateway.accounts import Accounts
from kit.auth.dependencies import ANYONE, require
from kit.http.routes import GuardedRoute

AddressOf = Callable[[Request], str]
"""Returns the caller's address of a request."""
Holder = Annotated[Principal, require(Scope.ACCOUNT)]
"""A caller with a session; an API key is not accepted."""


def account_routes(accounts: Accounts, address_of: AddressOf) -> APIRouter:
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
    async def log_in(body: SessionCreate, request: Request) -> TokenPair:
        """Log in; returns a short-lived access token and a single-use refresh token."""
        return await accounts.log_in(body, address=address_of(request))

    @router.post("/sessions/refresh", status_code=201, openapi_extra=ANYONE)
    async def refresh(body: SessionRefresh) -> TokenPair:
        """Exchange a refresh token for a new access token and refresh token.

        A second use within 10 seconds, for example after a lost response, returns the same refresh
        token again; a later one ends the session.
        """
        return await accounts.refresh(body.refresh_token)

    @router.delete("/sessions", status_code=204)
    async def log_out(principal: Holder) -> None:
        """Log out everywhere: end every session of the account at once."""
        await accounts.log_out(principal)

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
