"""Accounts of people who sign in with an OpenID Connect provider.

An account belongs to issuer and subject, never to an e-mail address: a provider may let people
choose their address. Whoever signs in through a provider has no password here.
"""

import logging
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.admin import AuditAction
from contracts.identity import Scope, TokenPair
from gateway import repository
from gateway.administration import ADMINISTRATORS
from gateway.audit import AuditLog
from gateway.authenticator import KEY_SCOPES, Authenticator
from gateway.oidc.provider import Person
from gateway.oidc.settings import ProviderSettings
from gateway.sessions import Sessions
from gateway.tables import AccountRow, IdentityRow
from kit.clock import Clock, new_id
from kit.database.engine import Database

log = logging.getLogger(__name__)


class SignInRefusal(StrEnum):
    """Why somebody cannot sign in through a provider; pages get it in the query."""

    CANCELLED = "cancelled"
    """The provider refused, or the person cancelled."""
    EXPIRED = "expired"
    """The request is unknown, too old or from another browser."""
    INVALID = "invalid"
    """The provider's answer did not pass the checks."""
    UNAVAILABLE = "unavailable"
    """The provider cannot be reached."""
    EMAIL_IN_USE = "email_in_use"
    EMAIL_NOT_ALLOWED = "email_not_allowed"
    NO_GROUP = "no_group"
    NO_ACCOUNT = "no_account"
    """The provider does not open accounts, and this person has none."""
    DISABLED = "disabled"
    BUSY = "busy"
    """Too many sign-ins from this address."""


REASONS = {
    SignInRefusal.CANCELLED: "The sign-in was cancelled, or the provider refused it.",
    SignInRefusal.EXPIRED: "This sign-in is too old, or began in another browser. Start again.",
    SignInRefusal.INVALID: "The provider's answer is not valid. Start again; if it happens again, "
    "ask whoever runs this server to look at its log.",
    SignInRefusal.UNAVAILABLE: "The provider cannot be reached now. Try again in a moment.",
    SignInRefusal.EMAIL_IN_USE: "Your e-mail address has an account here that does not belong to "
    "this provider. Sign in to it with its password.",
    SignInRefusal.EMAIL_NOT_ALLOWED: "This server accepts only verified e-mail addresses of "
    "certain domains, and yours is not one.",
    SignInRefusal.NO_GROUP: "None of your groups may use this server. Ask whoever manages them.",
    SignInRefusal.NO_ACCOUNT: "You have no account here, and this provider does not open one. Ask "
    "an administrator of this server.",
    SignInRefusal.DISABLED: "This account is disabled. Ask an administrator of this server to "
    "enable it.",
    SignInRefusal.BUSY: "Too many sign-ins from this address. Try again in a minute.",
}
"""Each refusal as a message to users."""


class Refused(Exception):
    """Somebody cannot sign in."""

    def __init__(self, refusal: SignInRefusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class Identities:
    """Finds or creates the account of a person, and starts a session."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        sessions: Sessions,
        authenticator: Authenticator,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sessions = sessions
        self._authenticator = authenticator
        self._audit = audit

    async def sign_in(self, provider: ProviderSettings, person: Person) -> TokenPair:
        """Start a session of a person whose ID token was verified.

        Raises
        ------
        Refused
        """
        _check_domain(provider, person)
        scopes = granted_scopes(provider, person)
        try:
            account, pair = await self._sign_in(provider, person, scopes)
        except IntegrityError:
            # Two first sign-ins at the same time: the other one has created the account.
            account, pair = await self._sign_in(provider, person, scopes)
        log.info("security: login", extra={"event": "login.provider", "user": account})
        return pair

    async def _sign_in(
        self, provider: ProviderSettings, person: Person, scopes: frozenset[Scope] | None
    ) -> tuple[str, TokenPair]:
        async with self._database.transaction() as session:
            if provider.manages_administrators:
                await self._database.lock(session, ADMINISTRATORS)
            row, created = await self._account(session, provider, person)
            if row.disabled_at is not None:
                raise Refused(SignInRefusal.DISABLED)
            revoked = await self._apply(session, provider, row, scopes) or created
            pair = await self._sessions.start(
                session,
                row,
                life=timedelta(days=provider.session_days),
                issuer=provider.issuer,
                id_token=person.id_token,
            )
        if revoked:
            self._authenticator.invalidate(row.id)
        return row.id, pair

    async def _account(
        self, session: AsyncSession, provider: ProviderSettings, person: Person
    ) -> tuple[AccountRow, bool]:
        """Return the locked account of a person, and whether it was linked or created just now."""
        known = await repository.identity(session, person.issuer, person.subject)
        if known is not None:
            row = await repository.lock_account(session, known.account)
            if row is None:
                raise Refused(SignInRefusal.NO_ACCOUNT)
            return row, False
        same = await repository.account_by_email(session, person.email) if person.email else None
        if same is not None:
            row = await self._take_over(session, provider, person, same.id)
        elif provider.sign_up:
            row = AccountRow(
                id=new_id(),
                email=person.email or _placeholder(provider, person),
                name=person.name[:100],
                password="",
                admin=False,
                created=self._clock.now(),
            )
            session.add(row)
            action = AuditAction.ACCOUNT_CREATED
            session.add(self._audit.entry(action, actor=row.id, account=row.id))
            await session.flush()
        else:
            raise Refused(SignInRefusal.NO_ACCOUNT)
        session.add(
            IdentityRow(
                issuer=person.issuer,
                subject=person.subject,
                account=row.id,
                created=self._clock.now(),
            )
        )
        action = AuditAction.IDENTITY_LINKED
        session.add(
            self._audit.entry(action, actor=row.id, account=row.id, detail=person.issuer[:200])
        )
        return row, True

    async def _take_over(
        self, session: AsyncSession, provider: ProviderSettings, person: Person, account: str
    ) -> AccountRow:
        """Lock the account with a person's e-mail address, and end every other way into it.

        Nobody has shown that the account's address was theirs, so whoever opened it must not keep
        a way in.
        """
        allowed = provider.link_verified_email and person.email_verified
        row = await repository.lock_account(session, account) if allowed else None
        if row is None:
            raise Refused(SignInRefusal.EMAIL_IN_USE)
        row.password = ""
        await repository.end_sessions(session, row.id, self._clock.now())
        await repository.delete_keys(session, row.id)
        session.add(self._audit.entry(AuditAction.PASSWORD_CLEARED, actor=row.id, account=row.id))
        return row

    async def _apply(
        self,
        session: AsyncSession,
        provider: ProviderSettings,
        row: AccountRow,
        scopes: frozenset[Scope] | None,
    ) -> bool:
        """Give a locked account what its groups grant now; return whether that revoked anything."""
        revoked = False
        row.scopes = None if scopes is None else " ".join(sorted(scopes & KEY_SCOPES))
        if scopes is not None:
            for key in await repository.api_keys(session, row.id):
                if not frozenset(key.scopes.split()) <= scopes:
                    await repository.delete_key(session, row.id, key.id)
                    revoked, action = True, AuditAction.KEY_DELETED
                    session.add(self._audit.entry(action, account=row.id, target=key.id))
        admin = scopes is not None and Scope.ADMIN in scopes
        if provider.manages_administrators and admin != row.admin:
            row.admin = admin
            if not admin:
                revoked = True
                await repository.end_sessions(session, row.id, self._clock.now())
            action = AuditAction.ADMIN_GRANTED if admin else AuditAction.ADMIN_REVOKED
            session.add(self._audit.entry(action, account=row.id, detail=provider.issuer[:200]))
        return revoked


def granted_scopes(provider: ProviderSettings, person: Person) -> frozenset[Scope] | None:
    """Return the scopes of a person's groups; `None` if groups do not matter.

    Raises
    ------
    Refused
        None of the groups may sign in.
    """
    if not provider.groups:
        return None
    granted = [scopes for group, scopes in provider.groups.items() if group in person.groups]
    if not granted:
        raise Refused(SignInRefusal.NO_GROUP)
    return frozenset[Scope]().union(*granted)


def _check_domain(provider: ProviderSettings, person: Person) -> None:
    domain = person.email.rpartition("@")[2]
    allowed = {each.casefold() for each in provider.email_domains}
    if allowed and not (person.email_verified and domain in allowed):
        raise Refused(SignInRefusal.EMAIL_NOT_ALLOWED)


def _placeholder(provider: ProviderSettings, person: Person) -> str:
    """Return an address for somebody whose provider names none; nobody receives mail there."""
    name = sha256(f"{person.issuer} {person.subject}".encode()).hexdigest()[:16]
    return f"{name}@{provider.id}.invalid"
