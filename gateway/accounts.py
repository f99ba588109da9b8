"""Accounts and their sessions (S1, S4–S6)."""

import asyncio
import logging
import secrets
from datetime import datetime, timedelta

import httpx
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.identity import (
    Account,
    AccountCreate,
    Audience,
    PasswordChange,
    Principal,
    Scope,
    SessionCreate,
    TokenPair,
)
from contracts.ids import OwnerId, UserId
from contracts.problems import FieldProblem, ProblemCode
from gateway import repository
from gateway.bearers import KEY_SCOPES, Bearers, digest
from gateway.keyring import Keyring
from gateway.limits import Limits
from gateway.settings import GatewaySettings
from gateway.tables import AccountRow, RefreshRow
from kit.auth import tokens
from kit.auth.passwords import Passwords
from kit.clock import Clock, new_id
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.http.errors import ProblemError, not_found

log = logging.getLogger(__name__)

REUSE_GRACE = timedelta(seconds=10)
"""A refresh token that is sent twice within this is a lost answer, not a theft."""
REFRESH_LIFE = timedelta(days=30)
"""From a login until it must be repeated, however often it was refreshed."""


class Accounts:
    """Use cases of accounts."""

    def __init__(
        self,
        database: Database,
        *,
        settings: GatewaySettings,
        clock: Clock,
        keyring: Keyring,
        bearers: Bearers,
        limits: Limits,
        passwords: Passwords,
        library: httpx.AsyncClient,
        secret: str,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._keyring = keyring
        self._bearers = bearers
        self._limits = limits
        self._passwords = passwords
        self._library = library
        self._secret = secret
        self._forget_now = asyncio.Event()

    async def register(self, asked: AccountCreate, *, address: str) -> Account:
        """Open an account; the first one of a house administers it.

        An address that has an account gets the same answer and nothing changes: whether it has one
        is told to nobody who does not know its password (S6).
        """
        self._limits.registration(address)
        self._refuse_common(asked.password, "body.password")
        with self._limits.place(address):
            hashed = await self._passwords.hash(asked.password)
        row = AccountRow(
            id=new_id(),
            email=asked.email.casefold(),
            name=asked.name,
            password=hashed,
            admin=False,
            created=self._clock.now(),
        )
        shown = _shown(row)
        try:
            async with self._database.transaction() as session:
                await self._database.lock(session, "first-account")
                row.admin = not await repository.any_account(session)
                session.add(row)
                shown = _shown(row)
        except IntegrityError:
            log.warning("security: a known address signed up", extra={"event": "account.known"})
            return shown.model_copy(update={"admin": False})
        log.info("security: account opened", extra={"event": "account.opened", "user": row.id})
        return shown

    async def log_in(self, asked: SessionCreate, *, address: str) -> TokenPair:
        """Open a session; a wrong address and a wrong password look and take alike (S6)."""
        email = asked.email.casefold()
        self._limits.login(address, email)
        with self._limits.place(address, email):
            async with self._database.session() as session:
                row = await repository.account_by_email(session, email)
            known = row is not None and not row.deleted
            right = await self._passwords.check(
                asked.password, row.password if row is not None and known else None
            )
        if row is None or not right:
            self._limits.failed(address, email)
            log.warning("security: login failed", extra={"event": "login.failed"})
            raise ProblemError(
                ProblemCode.WRONG_CREDENTIALS,
                "The address or the password is wrong. Signing up again with an address that has "
                "an account does not change its password.",
            )
        self._limits.succeeded(address, email)
        rehashed = None
        if self._passwords.outdated(row.password):
            rehashed = await self._passwords.hash(asked.password)
        now = self._clock.now()
        expires, family = now + REFRESH_LIFE, new_id()
        async with self._database.transaction() as session:
            if rehashed is not None and (found := await repository.account(session, row.id)):
                found.password = rehashed
            refresh = _new_refresh(session, row.id, family=family, now=now, expires=expires)
        log.info("security: login", extra={"event": "login.ok", "user": row.id})
        return self._pair(row, refresh, family=family)

    async def refresh(self, token: str) -> TokenPair:
        """Trade a refresh token for a new pair; one used twice ends its family (S4)."""
        now = self._clock.now()
        stolen = False
        async with self._database.transaction() as session:
            row = await repository.refresh_token(session, digest(token))
            if row is None or row.revoked or row.expires <= now:
                raise _session_ended()
            family = row.family
            if row.used is not None and now - row.used > REUSE_GRACE:
                await repository.revoke_family(session, family)
                stolen = True
            else:
                found = await repository.account(session, row.account)
                if found is None:
                    raise _session_ended()
                row.used = row.used or now
                new = _new_refresh(
                    session, row.account, family=family, now=now, expires=row.expires
                )
        if stolen:
            self._bearers.ended(row.account)
            log.warning(
                "security: a refresh token was used twice; its session is revoked",
                extra={"event": "token.reused", "user": row.account},
            )
            raise _session_ended()
        assert found is not None
        return self._pair(found, new, family=family)

    async def log_out(self, principal: Principal) -> None:
        """End every session of the account."""
        async with self._database.transaction() as session:
            await repository.revoke_all(session, principal.user)
        self._bearers.ended(principal.user)
        log.info("security: logout", extra={"event": "logout", "user": principal.user})

    async def show(self, principal: Principal) -> Account:
        """Return the account of a principal."""
        async with self._database.session() as session:
            row = await repository.account(session, principal.user)
        if row is None:
            raise not_found()
        return _shown(row)

    async def change_password(
        self, principal: Principal, asked: PasswordChange, *, address: str
    ) -> None:
        """Change the password and end every session."""
        self._refuse_common(asked.new, "body.new")
        await self._confirm(principal, asked.current, address=address)
        hashed = await self._passwords.hash(asked.new)
        async with self._database.transaction() as session:
            row = await repository.account(session, principal.user)
            if row is None:
                raise not_found()
            row.password = hashed
            await repository.revoke_all(session, principal.user)
        self._bearers.ended(principal.user)
        log.info("security: password changed", extra={"event": "password", "user": principal.user})

    async def delete(self, principal: Principal, password: str, *, address: str) -> None:
        """Delete the account; its data follow, however often that takes."""
        await self._confirm(principal, password, address=address)
        async with self._database.transaction() as session:
            row = await repository.account(session, principal.user)
            if row is None:
                raise not_found()
            row.deleted = True
            row.email = f"deleted:{row.id}"
            row.name, row.password = "", ""
            await repository.revoke_all(session, principal.user)
            for key in await repository.api_keys(session, principal.user):
                await session.delete(key)
        self._bearers.ended(principal.user)
        self._forget_now.set()
        log.info("security: account deleted", extra={"event": "deleted", "user": principal.user})

    async def forget_deleted(self, stopping: asyncio.Event) -> None:
        """Tell the library of deleted accounts until it has taken note of each."""
        while not stopping.is_set():
            self._forget_now.clear()
            try:
                async with self._database.transaction() as session:
                    await repository.sweep(session, self._clock.now())
                    rows = await repository.deleted_accounts(session)
                for row in rows:
                    answer = await self._library.delete(
                        f"/internal/owners/{row.id}",
                        headers={"Authorization": f"Bearer {self._secret}"},
                    )
                    answer.raise_for_status()
                    async with self._database.transaction() as session:
                        if found := await session.get(AccountRow, row.id):
                            await session.delete(found)
            except (DatabaseUnavailable, httpx.HTTPError) as error:
                log.warning("deleted accounts are not forgotten yet: %s", error)
            waits = [asyncio.create_task(event.wait()) for event in (stopping, self._forget_now)]
            await asyncio.wait(
                waits, timeout=self._settings.forget_every, return_when=asyncio.FIRST_COMPLETED
            )
            for wait in waits:
                wait.cancel()

    async def _confirm(self, principal: Principal, password: str, *, address: str) -> None:
        async with self._database.session() as session:
            row = await repository.account(session, principal.user)
        if row is None:
            raise not_found()
        self._limits.login(address, row.email)
        if not await self._passwords.check(password, row.password):
            self._limits.failed(address, row.email)
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                "The password is wrong.",
                fields=(FieldProblem(field="body.password", message="wrong"),),
            )

    def _refuse_common(self, password: str, field: str) -> None:
        if self._passwords.common(password):
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                "This password is one that everybody tries; choose another.",
                fields=(FieldProblem(field=field, message="too common"),),
            )

    def _pair(self, row: AccountRow, refresh: str, *, family: str) -> TokenPair:
        life = timedelta(minutes=self._settings.access_minutes)
        scopes = KEY_SCOPES | {Scope.ACCOUNT} | ({Scope.ADMIN} if row.admin else frozenset())
        access = tokens.sign(
            self._keyring.signing(),
            user=UserId(row.id),
            owner=OwnerId(row.id),
            scopes=frozenset(scopes),
            admin=row.admin,
            audience=Audience.GATEWAY,
            life=life,
            now=self._clock.now(),
            session=family,
        )
        return TokenPair(
            access_token=access, refresh_token=refresh, expires_in=int(life.total_seconds())
        )


def _new_refresh(
    session: AsyncSession, account: str, *, family: str, now: datetime, expires: datetime
) -> str:
    secret = secrets.token_urlsafe(32)
    session.add(
        RefreshRow(
            sha256=digest(secret), family=family, account=account, created=now, expires=expires
        )
    )
    return secret


def _session_ended() -> ProblemError:
    return ProblemError(ProblemCode.UNAUTHENTICATED, "This session has ended: log in again.")


def _shown(row: AccountRow) -> Account:
    return Account(
        id=UserId(row.id), email=row.email, name=row.name, admin=row.admin, created=row.created
    )
