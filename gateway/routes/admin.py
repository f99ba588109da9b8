"""`/admin/accounts` and `/admin/audit`, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from contracts.admin import AccountChange, AdminAccount, AuditAction, AuditEntry, OneTimeLink
from contracts.ids import UserId
from gateway.administration import Administration
from gateway.audit import AuditLog
from gateway.audit_repository import AuditFilter
from gateway.routes.invitations import Administrator
from kit.http.list_cursor import ListPaging, decode_list_cursor, encode_list_cursor
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute


def admin_routes(administration: Administration, audit: AuditLog, public_url: str) -> APIRouter:
    """Return the routes.

    Parameters
    ----------
    public_url
        Address at which browsers reach the server; empty for that of the request.
    """
    router = APIRouter(route_class=GuardedRoute, prefix="/admin", tags=["admin"])

    @router.get("/accounts")
    async def list_accounts(principal: Administrator, paging: Paging) -> Page[AdminAccount]:
        """List accounts, newest first, with what they store and may store."""
        items, following = await administration.accounts(principal, paging)
        return Page(items=items, next=following)

    @router.get("/accounts/{account}")
    async def show_account(principal: Administrator, account: UserId) -> AdminAccount:
        """Return an account, with what it stores and may store."""
        return await administration.account(account)

    @router.patch("/accounts/{account}")
    async def change_account(
        principal: Administrator, account: UserId, body: AccountChange
    ) -> AdminAccount:
        """Disable or enable an account, set its quota, grant or end administration.

        Disabling ends the sessions, API keys and live streams of the account at once; its items
        stay. A quota below what is stored deletes nothing.
        """
        return await administration.change(principal, account, body)

    @router.post("/accounts/{account}/one-time-link", status_code=201)
    async def make_link(principal: Administrator, account: UserId, request: Request) -> OneTimeLink:
        """Create a link that signs in to an account once within a day, and replaces older links.

        When it is used, the account's sessions end and its password is cleared, so that a new one
        can be set. Only this response contains the link.
        """
        url = public_url or str(request.base_url)
        return await administration.make_link(principal, account, url=url)

    @router.get("/audit")
    async def list_audit(
        principal: Administrator,
        paging: ListPaging,
        action: AuditAction | None = None,
        account: Annotated[
            UserId | None, Query(description="Who did it, or to whom it was done.")
        ] = None,
    ) -> Page[AuditEntry]:
        """List the audit log, newest first: who did what, when and from where.

        The server keeps entries for 90 days, or as it is set.
        """
        before = None
        if paging.cursor is not None:
            (before,) = map(str, decode_list_cursor(paging.cursor, (str,)))
        filter_ = AuditFilter(action=action, account=account, before=before)
        entries = await audit.entries(filter_, limit=paging.limit + 1)
        await audit.record_read(principal, "audit")
        items = entries[: paging.limit]
        more = len(entries) > paging.limit
        return Page(items=items, next=encode_list_cursor([items[-1].id]) if more else None)

    return router
