"""Who bears a token or a key, whether it still stands, and what the library is told of them."""

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
"""What an API key may have at most."""
TOUCH_EVERY = timedelta(minutes=1)
STANDS: Seconds = 5.0
"""How long another gateway's revocation may go unseen; this one's own is seen at once."""
LIBRARY_LIFE: Seconds = 60.0
REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class _Seen:
    who: Principal
    at: float


class Authenticator:
    """Turns what a caller bears into who it is (S1, S7)."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        keyring: SigningKeys,
        limits: Limits,
        lookups: FailedLookups,
    ) -> None:
        self._database = database
        self._clock = clock
        self._keyring = keyring
        self._limits = limits
        self._lookups = lookups
        self._reader = TokenReader(keyring, audience=Audience.GATEWAY, clock=clock)
        self._standing: OrderedDict[str, _Seen] = OrderedDict()
        self._minted: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._endings = 0
        self._told: list[Callable[[str], None]] = []

    async def authenticate(self, credential: str) -> Principal:
        """Return who bears an access token or an API key, and count the request.

        Raises
        ------
        BadToken, Expired, ProblemError
        """
        if credential.startswith(KEY_PREFIX):
            who = await self._by_key(credential)
        else:
            who = await self._reader.read(credential)
            if not await self.is_active(who):
                raise tokens.BadToken("its session was ended")
        self._limits.request(who.owner)
        return who

    async def is_active(self, who: Principal) -> bool:
        """Return whether the login or the key that somebody came with was not ended."""
        seen = self._standing.get(who.session)
        if seen is not None and self._clock.monotonic() - seen.at < STANDS:
            return True
        endings, at = self._endings, self._clock.monotonic()
        try:
            with self._lookups.looking(who.session, ours=True):
                async with self._database.session() as session:
                    lives = await repository.session_lives(session, who.session)
                    lives = lives or await repository.key_lives(session, who.session)
                if not lives:
                    raise tokens.BadToken("its session was ended")
        except tokens.BadToken:
            return False
        if endings == self._endings:
            self._remember(who.session, _Seen(who, at))
        return True

    def when_ended(self, tell: Callable[[str], None]) -> None:
        """Have a function called with the user whose sessions or keys were ended here."""
        self._told.append(tell)

    def invalidate(self, user: str) -> None:
        """Take note that logins or keys of an account were ended."""
        self._endings += 1
        for name in [name for name, seen in self._standing.items() if seen.who.user == user]:
            del self._standing[name]
        for tell in self._told:
            tell(user)

    def library_token(self, who: Principal) -> str:
        """Return a token for the library with at least half of its minute left."""
        now = self._clock.monotonic()
        token, made = self._minted.get(who.token, ("", -LIBRARY_LIFE))
        if now - made < LIBRARY_LIFE / 2:
            return token
        token = tokens.sign(
            self._keyring.signing(),
            user=who.user,
            owner=who.owner,
            scopes=who.scopes,
            admin=who.admin,
            audience=Audience.LIBRARY,
            life=timedelta(seconds=LIBRARY_LIFE),
            now=self._clock.now(),
        )
        self._minted[who.token] = (token, now)
        self._minted.move_to_end(who.token)
        if len(self._minted) > REMEMBERED:
            self._minted.popitem(last=False)
        return token

    async def _by_key(self, secret: str) -> Principal:
        sha256, now = digest(secret), self._clock.now()
        seen = self._standing.get(sha256)
        if seen is not None and self._clock.monotonic() - seen.at < STANDS:
            if seen.who.expires <= now:
                raise tokens.Expired("the key has ended")
            return seen.who
        endings, at = self._endings, self._clock.monotonic()
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
        who = Principal(
            user=UserId(row.account),
            owner=OwnerId(row.account),
            scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
            token=row.id,
            session=row.id,
            expires=row.expires,
        )
        if endings == self._endings:
            self._remember(sha256, _Seen(who, at))
        return who

    def _remember(self, name: str, seen: _Seen) -> None:
        self._standing[name] = seen
        self._standing.move_to_end(name)
        if len(self._standing) > REMEMBERED:
            self._standing.popitem(last=False)


def session_ended() -> ProblemError:
    """Return what is answered to a session that goes on no more."""
    return ProblemError(ProblemCode.UNAUTHENTICATED, "This session has ended: log in again.")


def digest(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
