"""Accounts and sessions."""

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
"""Tells from where a request came."""
Holder = Annotated[Principal, require(Scope.ACCOUNT)]
"""A caller who has logged in; no API key will do."""


def account_routes(accounts: Accounts, address_of: AddressOf) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, tags=["accounts"])

    @router.post("/accounts", status_code=201, openapi_extra=ANYONE)
    async def open_account(asked: AccountCreate, request: Request) -> Account:
        """Open an account.

        The first one of a fresh server administers it. A server may take further ones by an
        administrator's invitation only, or none; it says so. An address that has an account
        already gets the same answer, and nothing changes.
        """
        return await accounts.register(asked, address=address_of(request))

    @router.post("/sessions", status_code=201, openapi_extra=ANYONE)
    async def log_in(asked: SessionCreate, request: Request) -> TokenPair:
        """Log in: a short access token, and a refresh token that works once."""
        return await accounts.log_in(asked, address=address_of(request))

    @router.post("/sessions/refresh", status_code=201, openapi_extra=ANYONE)
    async def refresh(asked: SessionRefresh) -> TokenPair:
        """Trade a refresh token for a new pair.

        Used again within 10 seconds, which is an answer that was lost, it gives the same refresh
        token again; later than that it ends the session.
        """
        return await accounts.refresh(asked.refresh_token)

    @router.delete("/sessions", status_code=204)
    async def log_out(principal: Holder) -> None:
        """Log out everywhere: every session of the account ends at once."""
        await accounts.log_out(principal)

    @router.get("/account")
    async def show_account(principal: Holder) -> Account:
        """Show the account."""
        return await accounts.show(principal)

    @router.delete("/account", status_code=204)
    async def delete_account(asked: AccountDelete, request: Request, principal: Holder) -> None:
        """Delete the account with all its items, files, jobs and keys."""
        await accounts.delete(principal, asked.password, address=address_of(request))

    @router.put("/account/password", status_code=204)
    async def change_password(asked: PasswordChange, request: Request, principal: Holder) -> None:
        """Change the password; every session ends, also this one, and every API key.

        With `keep_keys` API keys go on working: for a change that has nothing to do with a theft.
        """
        await accounts.change_password(principal, asked, address=address_of(request))

    return router
