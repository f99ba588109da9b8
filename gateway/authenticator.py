"""Authenticate access tokens and API keys, and issue the tokens that the library accepts."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from contracts.identity import Audience, Principal, Scope
from contracts.ids import OwnerId, UserId
from contracts.music import Seconds
from contracts.problems import ProblemCode
from gateway import repository
from gateway.failed_lookups import FailedLookups
from gateway.limits import Limits
from gateway.signing_keys import SigningKeys
from kit.auth import tokens
from kit.auth.reader import TokenReader
from kit.clock import Clock
from kit.database.engine import Database
from kit.http.errors import ProblemError

KEY_PREFIX = "crate_"
KEY_SCOPES = frozenset({Scope.READ, Scope.WRITE, Scope.JOBS})
"""All scopes that an API key can have."""
TOUCH_EVERY = timedelta(minutes=1)
SESSION_CACHE_LIFE: Seconds = 5.0
"""How long a session or key stays active after another gateway process revoked it; revocations by
this process take effect at once."""
LIBRARY_LIFE: Seconds = 60.0
REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class _Cached:
    principal: Principal
    at: float


class Authenticator:
    """Authenticates callers by access token or API key (S1, S7)."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        signing_keys: SigningKeys,
        limits: Limits,
        lookups: FailedLookups,
    ) -> None:
        self._database = database
        self._clock = clock
        self._signing_keys = signing_keys
        self._limits = limits
        self._lookups = lookups
        self._reader = TokenReader(signing_keys, audience=Audience.GATEWAY, clock=clock)
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._minted: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._revocations = 0
        self._callbacks: list[Callable[[str], None]] = []

    async def authenticate(self, credential: str) -> Principal:
        """Return the principal of an access token or an API key, and count the request.

        Raises
        ------
        BadToken, Expired, ProblemError
        """
        if credential.startswith(KEY_PREFIX):
            principal = await self._by_key(credential)
        else:
            principal = await self._reader.read(credential)
            if not await self.is_active(principal):
                raise tokens.BadToken("its session was ended")
        self._limits.request(principal.owner)
        return principal

    async def is_active(self, principal: Principal) -> bool:
        """Return whether the session or the API key of a principal was not revoked."""
        cached = self._cache.get(principal.session)
        if cached is not None and self._clock.monotonic() - cached.at < SESSION_CACHE_LIFE:
            return True
        revocations, at = self._revocations, self._clock.monotonic()
        try:
            with self._lookups.looking(principal.session, ours=True):
                async with self._database.session() as session:
                    lives = await repository.session_is_active(session, principal.session)
                    lives = lives or await repository.key_exists(session, principal.session)
                if not lives:
                    raise tokens.BadToken("its session was ended")
        except tokens.BadToken:
            return False
        if revocations == self._revocations:
            self._remember(principal.session, _Cached(principal, at))
        return True

    def on_revoked(self, callback: Callable[[str], None]) -> None:
        """Register a function to call with each user whose sessions or keys were revoked here."""
        self._callbacks.append(callback)

    def invalidate(self, user: str) -> None:
        """Drop the cached sessions and keys of a user, and call the registered functions."""
        self._revocations += 1
        cached = self._cache.items()
        for name in [name for name, entry in cached if entry.principal.user == user]:
            del self._cache[name]
        for callback in self._callbacks:
            callback(user)

    def library_token(self, principal: Principal) -> str:
        """Return a token for the library with at least half of its minute left."""
        now = self._clock.monotonic()
        token, issued = self._minted.get(principal.token, ("", -LIBRARY_LIFE))
        if now - issued < LIBRARY_LIFE / 2:
            return token
        token = tokens.sign(
            self._signing_keys.signing(),
            user=principal.user,
            owner=principal.owner,
            scopes=principal.scopes,
            admin=principal.admin,
            audience=Audience.LIBRARY,
            life=timedelta(seconds=LIBRARY_LIFE),
            now=self._clock.now(),
        )
        self._minted[principal.token] = (token, now)
        self._minted.move_to_end(principal.token)
        if len(self._minted) > REMEMBERED:
            self._minted.popitem(last=False)
        return token

    async def _by_key(self, secret: str) -> Principal:
        sha256, now = digest(secret), self._clock.now()
        cached = self._cache.get(sha256)
        if cached is not None and self._clock.monotonic() - cached.at < SESSION_CACHE_LIFE:
            if cached.principal.expires <= now:
                raise tokens.Expired("the key has ended")
            return cached.principal
        revocations, at = self._revocations, self._clock.monotonic()
        with self._lookups.looking(sha256):
            async with self._database.session() as session:
                row = await repository.api_key(session, sha256)
            if row is None:
                raise tokens.BadToken("no such key")
            if row.expires <= now:
                raise tokens.Expired("the key has ended")
        if row.last_used is None or now - row.last_used > TOUCH_EVERY:
            async with self._database.transaction() as session:
                await repository.touch_key(session, row.id, now)
        principal = Principal(
            user=UserId(row.account),
            owner=OwnerId(row.account),
            scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
            token=row.id,
            session=row.id,
            expires=row.expires,
        )
        if revocations == self._revocations:
            self._remember(sha256, _Cached(principal, at))
        return principal

    def _remember(self, name: str, cached: _Cached) -> None:
        self._cache[name] = cached
        self._cache.move_to_end(name)
        if len(self._cache) > REMEMBERED:
            self._cache.popitem(last=False)


def session_ended() -> ProblemError:
    """Return the error for a session that has ended."""
    return ProblemError(ProblemCode.UNAUTHENTICATED, "This session has ended: log in again.")


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret, which is stored in its place."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
