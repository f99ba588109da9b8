"""Start sessions and issue their tokens, however somebody has signed in (S4, S5)."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.admin import AuditAction
from contracts.identity import Audience, Scope, TokenPair
from contracts.ids import OwnerId, UserId
from gateway.audit import AuditLog
from gateway.authenticator import KEY_SCOPES, digest
from gateway.failed_lookups import FailedLookups
from gateway.settings import GatewaySettings
from gateway.signing_keys import SigningKeys
from gateway.tables import AccountRow, RefreshRow, SessionRow
from kit.auth import tokens
from kit.clock import Clock, new_id

REFRESH_LIFE = timedelta(days=30)
"""Lifetime of a session from its login, however often it is refreshed."""


class Sessions:
    """Starts sessions and signs their tokens."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        clock: Clock,
        signing_keys: SigningKeys,
        lookups: FailedLookups,
        audit: AuditLog,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._signing_keys = signing_keys
        self._lookups = lookups
        self._audit = audit

    async def start(
        self,
        session: AsyncSession,
        row: AccountRow,
        *,
        life: timedelta = REFRESH_LIFE,
        issuer: str | None = None,
        id_token: str | None = None,
    ) -> TokenPair:
        """Add a session of an account, which the caller has locked, and return its tokens.

        Parameters
        ----------
        issuer, id_token
            The OpenID Connect provider that started it, and the provider's ID token.
        """
        now = self._clock.now()
        row.last_sign_in = now
        session.add(
            self._audit.entry(
                AuditAction.SIGN_IN, actor=row.id, account=row.id, detail=(issuer or "")[:200]
            )
        )
        opened = SessionRow(
            id=new_id(),
            account=row.id,
            created=now,
            expires=now + life,
            issuer=issuer,
            id_token=id_token,
        )
        refresh = secrets.token_urlsafe(32)
        session.add(opened)
        await session.flush()
        session.add(refresh_row(refresh, opened, now))
        self._lookups.good(digest(refresh))
        return self.pair(row, refresh, session=opened.id)

    def pair(self, row: AccountRow, refresh: str, *, session: str) -> TokenPair:
        """Return a refresh token with a new access token of its session."""
        life = timedelta(minutes=self._settings.access_minutes)
        access = tokens.sign(
            self._signing_keys.signing(),
            user=UserId(row.id),
            owner=OwnerId(row.id),
            scopes=_scopes(row),
            admin=row.admin,
            audience=Audience.GATEWAY,
            life=life,
            now=self._clock.now(),
            session=session,
        )
        return TokenPair(
            access_token=access, refresh_token=refresh, expires_in=int(life.total_seconds())
        )


def refresh_row(token: str, session: SessionRow, now: datetime) -> RefreshRow:
    """Return the row of a refresh token, which is stored as a digest."""
    return RefreshRow(sha256=digest(token), session=session.id, created=now)


def _scopes(row: AccountRow) -> frozenset[Scope]:
    granted = KEY_SCOPES
    if row.scopes is not None:
        granted &= frozenset(Scope(scope) for scope in row.scopes.split())
    return granted | {Scope.ACCOUNT} | ({Scope.ADMIN} if row.admin else frozenset())
