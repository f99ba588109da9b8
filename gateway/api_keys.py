"""API keys, and tickets for live streams (S7)."""

import logging
import secrets
from datetime import timedelta

from contracts.admin import AuditAction
from contracts.identity import ApiKey, KeyCreate, NewApiKey, Principal, Scope, StreamTicket
from contracts.ids import OwnerId, UserId
from contracts.problems import FieldProblem, ProblemCode
from gateway import repository
from gateway.audit import AuditLog
from gateway.authenticator import KEY_PREFIX, KEY_SCOPES, Authenticator, digest, session_ended
from gateway.failed_lookups import FailedLookups
from gateway.tables import ApiKeyRow, AuditRow, TicketRow
from kit.auth.tokens import BadToken
from kit.clock import Clock, new_id
from kit.database.engine import Database
from kit.http.errors import ProblemError, not_found

log = logging.getLogger(__name__)

MAX_KEYS = 100
TICKET_LIFE = timedelta(seconds=30)


class ApiKeys:
    """Use cases of API keys and tickets."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        authenticator: Authenticator,
        lookups: FailedLookups,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._clock = clock
        self._authenticator = authenticator
        self._lookups = lookups
        self._audit = audit

    async def make(self, principal: Principal, body: KeyCreate) -> NewApiKey:
        """Create an API key; only the response contains its secret."""
        if not body.scopes <= KEY_SCOPES:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                f"An API key can have these scopes only: {', '.join(sorted(KEY_SCOPES))}.",
                fields=(FieldProblem(field="body.scopes", message="not for keys"),),
            )
        if not body.scopes <= principal.scopes:
            raise ProblemError(
                ProblemCode.FORBIDDEN,
                "An API key cannot do more than you can: leave out "
                f"{', '.join(sorted(body.scopes - principal.scopes))}.",
            )
        secret = KEY_PREFIX + secrets.token_urlsafe(32)
        now = self._clock.now()
        row = ApiKeyRow(
            id=new_id(),
            account=principal.user,
            name=body.name,
            prefix=secret[: len(KEY_PREFIX) + 6],
            sha256=digest(secret),
            scopes=" ".join(sorted(body.scopes)),
            created=now,
            expires=now + timedelta(days=body.days),
        )
        async with self._database.transaction() as session:
            await repository.lock_account(session, principal.user)
            if not await repository.session_is_active(session, principal.session):
                # The session was revoked while this waited for the lock; a key must not outlive it.
                raise session_ended()
            if await repository.count_keys(session, principal.user) >= MAX_KEYS:
                raise ProblemError(
                    ProblemCode.CONFLICT,
                    f"An account can have {MAX_KEYS} API keys; delete one first.",
                )
            session.add(row)
            session.add(self._entry(AuditAction.KEY_CREATED, principal, row.id))
            shown = _shown(row)
        log.info("security: key made", extra={"event": "key.made", "user": principal.user})
        return NewApiKey(**shown.model_dump(), key=secret)

    async def all_of(self, principal: Principal) -> tuple[ApiKey, ...]:
        """Return the account's keys, newest first, without their secrets."""
        async with self._database.session() as session:
            rows = await repository.api_keys(session, principal.user)
        return tuple(map(_shown, rows))

    async def delete(self, principal: Principal, key_id: str) -> None:
        """Delete an API key; it stops working at once."""
        async with self._database.transaction() as session:
            if not await repository.delete_key(session, principal.user, key_id):
                raise not_found()
            session.add(self._entry(AuditAction.KEY_DELETED, principal, key_id))
        self._authenticator.invalidate(principal.user)
        log.info("security: key removed", extra={"event": "key.removed", "user": principal.user})

    def _entry(self, action: AuditAction, principal: Principal, key_id: str) -> AuditRow:
        user = principal.user
        return self._audit.entry(action, actor=user, account=user, target=key_id)

    async def make_ticket(self, principal: Principal) -> StreamTicket:
        """Create a single-use ticket for a live stream, for browsers."""
        secret = secrets.token_urlsafe(32)
        async with self._database.transaction() as session:
            session.add(
                TicketRow(
                    sha256=digest(secret),
                    account=principal.user,
                    session=principal.session,
                    expires=self._clock.now() + TICKET_LIFE,
                    token_expires=principal.expires,
                )
            )
        return StreamTicket(ticket=secret, expires_in=int(TICKET_LIFE.total_seconds()))

    async def by_ticket(self, secret: str) -> Principal:
        """Use a ticket and return the principal that created it.

        Raises
        ------
        BadToken
            The ticket is unknown, used or expired, or its session was revoked.
        """
        sha256, now = digest(secret), self._clock.now()
        with self._lookups.looking(sha256):
            async with self._database.session() as session:
                if not await repository.ticket_is_valid(session, sha256, now):
                    raise BadToken("no such ticket")
            async with self._database.transaction() as session:
                row = await repository.take_ticket(session, sha256, now)
            if row is None:
                raise BadToken("no such ticket")
        who = Principal(
            user=UserId(row.account),
            owner=OwnerId(row.account),
            scopes=frozenset({Scope.READ}),
            token=new_id(),
            session=row.session,
            expires=row.token_expires,
        )
        if not await self._authenticator.is_active(who):
            raise BadToken("its session was ended")
        return who


def _shown(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
        created=row.created,
        expires=row.expires,
        last_used=row.last_used,
    )
