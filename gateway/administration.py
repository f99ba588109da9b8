"""What administrators do with accounts: list, disable, grant, limit, reset (S10).

The first account of a server is an administrator. Others become one through an administrator, or
through whoever runs the server: `python -m gateway.sign_in EMAIL --administrator`.
"""

import logging
import secrets
from datetime import timedelta

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.admin import (
    AccountChange,
    AdminAccount,
    AuditAction,
    OneTimeLink,
    OwnerIds,
    OwnerStorage,
    OwnerStorages,
    QuotaChange,
)
from contracts.identity import Principal
from contracts.ids import OwnerId, UserId
from contracts.problems import ProblemCode
from gateway import repository
from gateway.audit import AuditLog
from gateway.authenticator import Authenticator, digest
from gateway.sign_in import sign_in_link
from gateway.tables import AccountRow, SignInCodeRow
from kit.clock import Clock
from kit.database.engine import Database
from kit.http.errors import ProblemError, not_found
from kit.http.pagination import Cursor, PageQuery, encode_cursor

log = logging.getLogger(__name__)

LINK_LIFE = timedelta(hours=24)
"""How long a link of an administrator works: long enough to be sent."""
ADMINISTRATORS = "administrators"
"""The lock under which administrators are changed, so that one always stays."""


class Administration:
    """Use cases of administrators about accounts."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        authenticator: Authenticator,
        audit: AuditLog,
        library: httpx.AsyncClient,
        secret: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._authenticator = authenticator
        self._audit = audit
        self._library = library
        self._headers = {"Authorization": f"Bearer {secret}"}

    async def accounts(
        self, principal: Principal, position: PageQuery
    ) -> tuple[tuple[AdminAccount, ...], str | None]:
        """Return a page of accounts, newest first, and the cursor of the next page."""
        after = (position.after.created, position.after.id) if position.after else None
        async with self._database.session() as session:
            rows = await repository.accounts(session, limit=position.limit + 1, after=after)
            page, more = rows[: position.limit], len(rows) > position.limit
            keys = await repository.count_keys_of(session, [row.id for row in page])
        await self._audit.record_read(principal, "accounts")
        stored = await self._storage([row.id for row in page])
        last = page[-1] if more else None
        shown = (_shown(row, keys.get(row.id, 0), stored.get(row.id)) for row in page)
        following = encode_cursor(Cursor(created=last.created, id=last.id)) if last else None
        return tuple(shown), following

    async def account(self, account_id: str) -> AdminAccount:
        """Return an account. Raises `ProblemError`."""
        async with self._database.session() as session:
            row = await repository.account(session, account_id)
            keys = await repository.count_keys(session, account_id)
        if row is None:
            raise not_found()
        return _shown(row, keys, (await self._storage([row.id])).get(row.id))

    async def change(
        self, principal: Principal, account_id: str, change: AccountChange
    ) -> AdminAccount:
        """Change an account; what is set already stays as it is.

        Raises
        ------
        ProblemError
            The account does not exist, it is the caller's own, or the library is unavailable.
        """
        own = account_id == principal.user
        if own and (change.disabled or change.admin is False):
            raise ProblemError(
                ProblemCode.CONFLICT,
                "You cannot disable your own account or end your own administration, so that the "
                "server keeps an administrator. Another administrator can.",
            )
        await self.account(account_id)
        if "quota" in change.model_fields_set:
            await self._set_quota(account_id, change.quota)
        async with self._database.transaction() as session:
            await self._database.lock(session, ADMINISTRATORS)
            await self._require_administrator(session, principal)
            row = await repository.lock_account(session, account_id)
            if row is None:
                raise not_found()
            ended = await self._apply(session, principal, row, change)
        if ended:
            self._authenticator.invalidate(account_id)
        return await self.account(account_id)

    async def make_link(self, principal: Principal, account_id: str, *, url: str) -> OneTimeLink:
        """Return a link that signs in to an account once and lets a new password be set.

        The old password works until the link is used.

        Raises
        ------
        ProblemError
            The account does not exist or is disabled.
        """
        code, expires = secrets.token_urlsafe(32), self._clock.now() + LINK_LIFE
        async with self._database.transaction() as session:
            row = await repository.lock_account(session, account_id)
            if row is None:
                raise not_found()
            if row.disabled_at is not None:
                raise ProblemError(
                    ProblemCode.CONFLICT, "This account is disabled; enable it first."
                )
            await repository.delete_codes(session, account_id)
            session.add(
                SignInCodeRow(sha256=digest(code), account=row.id, expires=expires, reset=True)
            )
            session.add(
                self._audit.entry(
                    AuditAction.LINK_CREATED, actor=principal.user, account=account_id
                )
            )
        log.info(
            "security: one-time link made",
            extra={"event": "link.made", "user": principal.user, "account": account_id},
        )
        return OneTimeLink(link=sign_in_link(url, code), expires=expires)

    async def _require_administrator(self, session: AsyncSession, principal: Principal) -> None:
        """Refuse a caller who lost the administration while this request waited for the lock."""
        actor = await repository.account(session, principal.user)
        if actor is None or not actor.admin or actor.disabled_at is not None:
            raise ProblemError(ProblemCode.FORBIDDEN, "Your account is no longer an administrator.")

    async def _apply(
        self, session: AsyncSession, principal: Principal, row: AccountRow, change: AccountChange
    ) -> bool:
        """Apply a change to a locked account; return whether its sessions have ended."""
        now, ended = self._clock.now(), False
        actions: list[tuple[AuditAction, str]] = []
        if change.disabled is not None and change.disabled != (row.disabled_at is not None):
            row.disabled_at = now if change.disabled else None
            if ended := change.disabled:
                await repository.delete_keys(session, row.id)
            disabled, enabled = AuditAction.ACCOUNT_DISABLED, AuditAction.ACCOUNT_ENABLED
            actions.append((disabled if change.disabled else enabled, ""))
        if change.admin is not None and change.admin != row.admin:
            row.admin = change.admin
            ended = ended or not change.admin
            granted, revoked = AuditAction.ADMIN_GRANTED, AuditAction.ADMIN_REVOKED
            actions.append((granted if change.admin else revoked, ""))
        if "quota" in change.model_fields_set:
            actions.append(
                (
                    AuditAction.QUOTA_CHANGED,
                    "default" if change.quota is None else f"{change.quota}",
                )
            )
        if ended:
            await repository.end_sessions(session, row.id, now)
        for action, detail in actions:
            session.add(
                self._audit.entry(action, actor=principal.user, account=row.id, detail=detail)
            )
            log.info(
                "security: %s",
                action,
                extra={"event": action, "user": principal.user, "of": row.id},
            )
        return ended

    async def _storage(self, ids: list[str]) -> dict[str, OwnerStorage]:
        """Return what accounts store; nothing while the library is unavailable."""
        request = OwnerIds(owners=tuple(map(OwnerId, ids)))
        try:
            answer = await self._library.post(
                "/internal/owners/storage",
                content=request.model_dump_json(),
                headers={**self._headers, "Content-Type": "application/json"},
            )
            answer.raise_for_status()
            owners = OwnerStorages.model_validate_json(answer.content).owners
        except (httpx.HTTPError, RuntimeError, ValueError) as error:
            log.warning("accounts are shown without their storage: %s", error)
            return {}
        return {owner.account: owner for owner in owners}

    async def _set_quota(self, account_id: str, quota: int | None) -> None:
        try:
            answer = await self._library.put(
                f"/internal/owners/{account_id}/quota",
                content=QuotaChange(quota=quota).model_dump_json(),
                headers={**self._headers, "Content-Type": "application/json"},
            )
            answer.raise_for_status()
        except (httpx.HTTPError, RuntimeError) as error:
            log.warning("a quota was not set: %s", error)
            raise ProblemError(
                ProblemCode.UNAVAILABLE,
                "The library is unavailable, so nothing was changed; try again in a moment.",
                retry_after=2,
            ) from None


def _shown(row: AccountRow, keys: int, storage: OwnerStorage | None) -> AdminAccount:
    return AdminAccount(
        id=UserId(row.id),
        email=row.email,
        name=row.name,
        admin=row.admin,
        created=row.created,
        has_password=bool(row.password),
        disabled_at=row.disabled_at,
        last_sign_in=row.last_sign_in,
        keys=keys,
        stored=storage.total if storage is not None else None,
        limit=storage.limit if storage is not None else None,
        quota=storage.quota if storage is not None else None,
    )
