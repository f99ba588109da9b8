"""Accounts and their sessions (S1, S4–S6)."""

import asyncio
import base64
import hmac
import logging
from datetime import timedelta

import httpx
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.admin import AuditAction
from contracts.identity import (
    Account,
    AccountCreate,
    PasswordChange,
    Principal,
    SessionCreate,
    TokenPair,
)
from contracts.ids import UserId
from contracts.problems import FieldProblem, ProblemCode
from gateway import repository
from gateway.audit import AuditLog
from gateway.authenticator import Authenticator, digest, session_ended
from gateway.failed_lookups import FailedLookups
from gateway.invitations import Invitations
from gateway.limits import Limits
from gateway.sessions import Sessions, refresh_row
from gateway.settings import GatewaySettings
from gateway.tables import AccountRow, AuditRow
from kit.auth.passwords import Passwords
from kit.auth.tokens import BadToken, Expired
from kit.clock import Clock, new_id
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.http.errors import ProblemError, not_found

log = logging.getLogger(__name__)

REUSE_GRACE = timedelta(seconds=10)
"""A refresh token that is used twice within this time means a lost response, not a theft. Both uses
return the same next token, so that a session never splits in two."""


class Accounts:
    """Use cases of accounts."""

    def __init__(
        self,
        database: Database,
        *,
        settings: GatewaySettings,
        clock: Clock,
        sessions: Sessions,
        authenticator: Authenticator,
        limits: Limits,
        lookups: FailedLookups,
        invitations: Invitations,
        audit: AuditLog,
        passwords: Passwords,
        library: httpx.AsyncClient,
        secret: str,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._sessions = sessions
        self._authenticator = authenticator
        self._limits = limits
        self._lookups = lookups
        self._invitations = invitations
        self._audit = audit
        self._passwords = passwords
        self._library = library
        self._secret = secret
        self._forget_now = asyncio.Event()

    async def register(self, body: AccountCreate, *, address: str) -> Account:
        """Create an account; the first one of a server is its administrator.

        For an address that has an account the response is the same and nothing changes, so that
        nobody can find out whether an address has an account without its password (S6).

        Raises
        ------
        ProblemError
            Sign-up is closed, or the invitation is missing or invalid.
        """
        self._refuse_without_passwords()
        self._limits.registration(address)
        await self._invitations.expect(body.invitation)
        self._refuse_common(body.password, "body.password")
        with self._limits.queue_slot(address):
            hashed = await self._passwords.hash(body.password)
        row = AccountRow(
            id=new_id(),
            email=body.email.casefold(),
            name=body.name,
            password=hashed,
            admin=False,
            created=self._clock.now(),
        )
        shown = _shown(row)
        try:
            async with self._database.transaction() as session:
                await self._database.lock(session, "first-account")
                row.admin = not await repository.any_account(session)
                if not row.admin:
                    await self._invitations.use(session, body.invitation)
                session.add(row)
                action, id_ = AuditAction.ACCOUNT_CREATED, row.id
                session.add(self._audit.entry(action, actor=id_, account=id_))
                shown = _shown(row)
        except IntegrityError:
            log.warning("security: a known address signed up", extra={"event": "account.known"})
            return shown.model_copy(update={"admin": False})
        log.info("security: account opened", extra={"event": "account.opened", "user": row.id})
        return shown

    async def log_in(self, body: SessionCreate, *, address: str) -> TokenPair:
        """Start a session; an unknown address takes as long as a wrong password (S6)."""
        self._refuse_without_passwords()
        email = body.email.casefold()
        self._limits.login(address, email)
        with self._limits.queue_slot(address, email):
            async with self._database.session() as session:
                row = await repository.account_by_email(session, email)
            known = row is not None and not row.deleted
            right = await self._passwords.check(
                body.password, row.password if row is not None and known else None
            )
        if row is None or not right:
            self._limits.failed(address, email)
            failed = AuditAction.SIGN_IN_FAILED
            await self._audit.record(failed, account=row.id if row is not None and known else None)
            raise _wrong_credentials()
        self._limits.succeeded(address, email)
        if row.disabled_at is not None:
            await self._audit.record(AuditAction.SIGN_IN_FAILED, account=row.id)
            raise account_disabled()
        rehashed = None
        if self._passwords.outdated(row.password):
            rehashed = await self._passwords.hash(body.password)
        async with self._database.transaction() as session:
            locked = await repository.lock_account(session, row.id)
            if locked is None or locked.password != row.password:
                # The password changed after the check, or the account was deleted.
                raise _wrong_credentials()
            if locked.disabled_at is not None:
                raise account_disabled()
            if rehashed is not None:
                locked.password = rehashed
            pair = await self._sessions.start(session, locked)
        log.info("security: login", extra={"event": "login.ok", "user": row.id})
        return pair

    async def log_in_with_code(self, code: str) -> TokenPair:
        """Start a session with a one-time code of `gateway.sign_in`.

        Raises
        ------
        ProblemError
            The code is unknown, used or expired, or too many unknown ones came from this address.
        """
        sha256, now = digest(code), self._clock.now()
        try:
            with self._lookups.looking(sha256):
                async with self._database.session() as session:
                    account_id = await repository.account_of_code(session, sha256, now)
                if account_id is None:
                    raise BadToken("no such code")
        except (BadToken, Expired):
            raise _code_refused() from None
        async with self._database.transaction() as session:
            # The account is locked first, as by everything that revokes its codes.
            row = await repository.lock_account(session, account_id)
            if row is None:
                raise _code_refused()
            if row.disabled_at is not None:
                raise account_disabled()
            clears = await repository.take_code(session, sha256, now)
            if clears is None:
                raise _code_refused()
            if clears:
                row.password = ""
                await repository.end_sessions(session, row.id, now)
                session.add(self._audit.entry(AuditAction.PASSWORD_CLEARED, account=row.id))
            pair = await self._sessions.start(session, row)
        if clears:
            self._authenticator.invalidate(account_id)
        log.info("security: login with a code", extra={"event": "login.code", "user": account_id})
        return pair

    async def refresh(self, token: str) -> TokenPair:
        """Exchange a refresh token for new tokens; a second use ends its session (S4)."""
        sha256, now = digest(token), self._clock.now()
        try:
            with self._lookups.looking(sha256):
                async with self._database.session() as session:
                    seen = await repository.session_of_refresh(session, sha256)
                if seen is None or seen.revoked_at is not None or seen.expires <= now:
                    raise BadToken("no such refresh token, or its session has ended")
        except (BadToken, Expired):
            raise session_ended() from None
        following = self._following(token)
        stolen = False
        async with self._database.transaction() as session:
            # The lock makes a concurrent revocation wait for this refresh, or this refresh see it.
            held = await repository.lock_session(session, seen.id)
            row = await repository.refresh_token(session, sha256)
            account = await repository.account(session, seen.account)
            if held is None or held.revoked_at is not None or row is None or account is None:
                raise session_ended()
            if row.used is None:
                row.used = now
                session.add(refresh_row(following, held, now))
            elif now - row.used > REUSE_GRACE:
                held.revoked_at = now
                session.add(self._audit.entry(AuditAction.TOKEN_REUSED, account=account.id))
                stolen = True
        if stolen:
            self._authenticator.invalidate(account.id)
            log.warning(
                "security: a refresh token was used twice; its session is revoked",
                extra={"event": "token.reused", "user": account.id},
            )
            raise session_ended()
        self._lookups.good(digest(following))
        return self._sessions.pair(account, following, session=held.id)

    async def log_out(self, principal: Principal) -> None:
        """End every session of the account."""
        async with self._database.transaction() as session:
            await repository.lock_account(session, principal.user)
            await repository.end_sessions(session, principal.user, self._clock.now())
            session.add(self._own_entry(AuditAction.SIGN_OUT, principal))
        self._authenticator.invalidate(principal.user)
        log.info("security: logout", extra={"event": "logout", "user": principal.user})

    async def show(self, principal: Principal) -> Account:
        """Return the account of a principal."""
        async with self._database.session() as session:
            row = await repository.account(session, principal.user)
            provider = await self._provider_of(session, principal.user)
        if row is None:
            raise not_found()
        return _shown(row).model_copy(update={"provider": provider})

    async def change_password(
        self, principal: Principal, body: PasswordChange, *, address: str
    ) -> None:
        """Change the password, end every session and, without `keep_keys`, delete every key."""
        self._refuse_without_passwords()
        self._refuse_common(body.new, "body.new")
        confirmed = await self._confirm(
            principal, body.current, address=address, field="body.current"
        )
        hashed = await self._passwords.hash(body.new)
        async with self._database.transaction() as session:
            row = await repository.lock_account(session, principal.user)
            if row is None:
                raise not_found()
            if row.password != confirmed:
                # Of two concurrent changes, this one confirmed a password that is now outdated.
                raise _wrong_password("body.current")
            if name := await self._provider_of(session, row.id):
                raise ProblemError(
                    ProblemCode.FORBIDDEN,
                    f"You sign in with {name}, so this account has no password here. Change your "
                    "password there.",
                )
            row.password = hashed
            await repository.end_sessions(session, principal.user, self._clock.now())
            if not body.keep_keys:
                await repository.delete_keys(session, principal.user)
            session.add(self._own_entry(AuditAction.PASSWORD_CHANGED, principal))
        self._authenticator.invalidate(principal.user)
        log.info("security: password changed", extra={"event": "password", "user": principal.user})

    async def delete(self, principal: Principal, password: str, *, address: str) -> None:
        """Delete the account; `forget_deleted` deletes its data and retries until it succeeds."""
        await self._confirm(principal, password, address=address, field="body.password")
        async with self._database.transaction() as session:
            row = await repository.lock_account(session, principal.user)
            if row is None:
                raise not_found()
            row.deleted = True
            row.email = f"deleted:{row.id}"
            row.name, row.password = "", ""
            await repository.end_sessions(session, principal.user, self._clock.now())
            await repository.delete_keys(session, principal.user)
            await repository.delete_identities(session, principal.user)
            session.add(self._own_entry(AuditAction.ACCOUNT_DELETED, principal))
        self._authenticator.invalidate(principal.user)
        self._forget_now.set()
        log.info("security: account deleted", extra={"event": "deleted", "user": principal.user})

    async def forget_deleted(self, stopping: asyncio.Event) -> None:
        """Send deleted accounts to the library until it has accepted each; runs in background."""
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
                        if stored := await session.get(AccountRow, row.id):
                            await session.delete(stored)
            except (DatabaseUnavailable, SQLAlchemyError, httpx.HTTPError) as error:
                log.warning("deleting the data of deleted accounts failed, will retry: %s", error)
            waits = [asyncio.create_task(event.wait()) for event in (stopping, self._forget_now)]
            await asyncio.wait(
                waits, timeout=self._settings.forget_every, return_when=asyncio.FIRST_COMPLETED
            )
            for wait in waits:
                wait.cancel()

    async def _confirm(
        self, principal: Principal, password: str, *, address: str, field: str
    ) -> str:
        """Check the password of a logged-in principal, and return the hash that it matches.

        An account without a password, whose hash is empty, is confirmed by an empty one.
        """
        async with self._database.session() as session:
            row = await repository.account(session, principal.user)
        if row is None:
            raise not_found()
        self._limits.login(address, row.email)
        if not row.password and not password:
            return ""
        if not await self._passwords.check(password, row.password):
            self._limits.failed(address, row.email)
            raise _wrong_password(field)
        return row.password

    def _own_entry(self, action: AuditAction, principal: Principal) -> AuditRow:
        return self._audit.entry(action, actor=principal.user, account=principal.user)

    async def _provider_of(self, session: AsyncSession, account_id: str) -> str | None:
        """Return the name of the provider that an account signs in with."""
        names = {provider.issuer: provider.name for provider in self._settings.identity_providers}
        issuer = await repository.issuer_of(session, account_id, tuple(names)) if names else None
        return names[issuer] if issuer is not None else None

    def _refuse_without_passwords(self) -> None:
        if not self._settings.passwords:
            raise ProblemError(
                ProblemCode.FORBIDDEN,
                "This server has no passwords. Sign in through your organisation: open the "
                "server's page, or run `cratedig login --device`.",
            )

    def _refuse_common(self, password: str, field: str) -> None:
        if self._passwords.common(password):
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                "This password is on the list of common passwords; choose another.",
                fields=(FieldProblem(field=field, message="too common"),),
            )

    def _following(self, token: str) -> str:
        """Derive the next refresh token from one; only the server's secret allows it."""
        mac = hmac.new(self._secret.encode(), b"refresh token after " + token.encode(), "sha256")
        return base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


def _wrong_credentials() -> ProblemError:
    log.warning("security: login failed", extra={"event": "login.failed"})
    return ProblemError(
        ProblemCode.WRONG_CREDENTIALS,
        "The address or the password is wrong. Signing up again with an address that has an "
        "account does not change its password.",
    )


def account_disabled() -> ProblemError:
    """Return the error for a login to a disabled account."""
    log.warning("security: login to a disabled account", extra={"event": "login.disabled"})
    return ProblemError(
        ProblemCode.FORBIDDEN,
        "This account is disabled. Ask an administrator of this server to enable it.",
    )


def _code_refused() -> ProblemError:
    log.warning("security: login with a code failed", extra={"event": "login.code.failed"})
    return ProblemError(
        ProblemCode.WRONG_CREDENTIALS,
        "This sign-in link is not valid: it works once, for a short time. Log in with your "
        "password, or ask whoever gave it to you for another link.",
    )


def _wrong_password(field: str) -> ProblemError:
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        "The password is wrong.",
        fields=(FieldProblem(field=field, message="wrong"),),
    )


def _shown(row: AccountRow) -> Account:
    return Account(
        id=UserId(row.id),
        email=row.email,
        name=row.name,
        admin=row.admin,
        created=row.created,
        has_password=bool(row.password),
    )
