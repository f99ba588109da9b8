"""API keys, and tickets to live streams (S7)."""

import logging
import secrets
from datetime import timedelta

from contracts.identity import ApiKey, KeyCreate, NewApiKey, Principal, Scope, StreamTicket
from contracts.ids import OwnerId, UserId
from contracts.problems import FieldProblem, ProblemCode
from gateway import repository
from gateway.authenticator import KEY_PREFIX, KEY_SCOPES, Authenticator, digest, session_ended
from gateway.failed_lookups import FailedLookups
from gateway.tables import ApiKeyRow, TicketRow
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
        self, database: Database, *, clock: Clock, bearers: Authenticator, lookups: FailedLookups
    ) -> None:
        self._database = database
        self._clock = clock
        self._bearers = bearers
        self._lookups = lookups

    async def make(self, principal: Principal, asked: KeyCreate) -> NewApiKey:
        """Make an API key; its secret is in the answer only."""
        if not asked.scopes <= KEY_SCOPES:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                f"A key may have {', '.join(sorted(KEY_SCOPES))}.",
                fields=(FieldProblem(field="body.scopes", message="not for keys"),),
            )
        secret = KEY_PREFIX + secrets.token_urlsafe(32)
        now = self._clock.now()
        row = ApiKeyRow(
            id=new_id(),
            account=principal.user,
            name=asked.name,
            prefix=secret[: len(KEY_PREFIX) + 6],
            sha256=digest(secret),
            scopes=" ".join(sorted(asked.scopes)),
            created=now,
            expires=now + timedelta(days=asked.days),
        )
        async with self._database.transaction() as session:
            await repository.hold_account(session, principal.user)
            if not await repository.session_lives(session, principal.session):
                # It was ended while this waited; the key would outlive what ended it.
                raise session_ended()
            if await repository.count_keys(session, principal.user) >= MAX_KEYS:
                raise ProblemError(
                    ProblemCode.CONFLICT, f"An account has at most {MAX_KEYS} keys; remove one."
                )
            session.add(row)
            shown = _shown(row)
        log.info("security: key made", extra={"event": "key.made", "user": principal.user})
        return NewApiKey(**shown.model_dump(), key=secret)

    async def all_of(self, principal: Principal) -> tuple[ApiKey, ...]:
        """Return the account's keys, newest first, without their secrets."""
        async with self._database.session() as session:
            rows = await repository.api_keys(session, principal.user)
        return tuple(map(_shown, rows))

    async def delete(self, principal: Principal, key_id: str) -> None:
        """Remove a key; it stops working at once."""
        async with self._database.transaction() as session:
            if not await repository.delete_key(session, principal.user, key_id):
                raise not_found()
        self._bearers.invalidate(principal.user)
        log.info("security: key removed", extra={"event": "key.removed", "user": principal.user})

    async def make_ticket(self, principal: Principal) -> StreamTicket:
        """Make a single-use ticket to a live stream, for browsers."""
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
        """Use a ticket up and return who bought it.

        Raises
        ------
        BadToken
            It was used, it has ended, or it never was.
        """
        sha256, now = digest(secret), self._clock.now()
        with self._lookups.looking(sha256):
            async with self._database.session() as session:
                if not await repository.ticket_lives(session, sha256, now):
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
        if not await self._bearers.is_active(who):
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
