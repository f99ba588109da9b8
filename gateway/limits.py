"""How much one may ask, in memory and for each gateway process (S6, S21).

Nobody is locked out: a limit says when to come back, and it slows those who guess, not the account
that they guess at. Exact quotas live in the library's database.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_network
from math import ceil
from typing import Generic, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.music import Seconds
from contracts.problems import ProblemCode
from gateway.settings import GatewaySettings
from kit.clock import Clock
from kit.http.addresses import source_of, within
from kit.http.errors import ProblemError

Key = TypeVar("Key", bound=Hashable)

REMEMBERED = 50_000
"""Keys that a limit keeps; who came longest ago is forgotten first."""
FREE_FAILURES = 5
"""Wrong passwords for one account from one address before it must wait."""
LONGEST_WAIT: Seconds = 60.0
ACCOUNT_FAILURES_PER_MINUTE = 30
"""Wrong passwords for one account from everywhere; known addresses are not counted against it."""


class Buckets(Generic[Key]):
    """Token buckets: `rate` a second, `burst` at once."""

    def __init__(self, clock: Clock, *, rate: float, burst: float) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = max(1.0, burst)
        self._levels: OrderedDict[Key, tuple[float, float]] = OrderedDict()

    def wait(self, key: Key) -> Seconds:
        """Return how long until one more may be taken; 0 is now."""
        return max(0.0, (1.0 - self._level(key, self._clock.monotonic())) / self._rate)

    def take(self, key: Key) -> Seconds:
        """Take one, or return how long to wait; 0 is taken."""
        now = self._clock.monotonic()
        level = self._level(key, now)
        if level < 1.0:
            return (1.0 - level) / self._rate
        self._levels[key] = (level - 1.0, now)
        self._levels.move_to_end(key)
        if len(self._levels) > REMEMBERED:
            self._levels.popitem(last=False)
        return 0.0

    def give_back(self, key: Key) -> None:
        """Put back one that was taken."""
        level, then = self._levels.get(key, (self._burst, 0.0))
        self._levels[key] = (min(self._burst, level + 1.0), then)

    def _level(self, key: Key, now: float) -> float:
        level, then = self._levels.get(key, (self._burst, now))
        return min(self._burst, level + (now - then) * self._rate)


_caller: ContextVar[str] = ContextVar("caller")
"""The address that the request at work came from, as limits count it."""
STRANGERS_WAITING = 16
"""Passwords at work from which on an address that never logged in must come back later."""
ANYBODY_WAITING = 32
"""The same for everybody: who waits behind this many is answered within a second or so."""


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    until: float


class Limits:
    """The limits of one gateway process."""

    def __init__(self, settings: GatewaySettings, clock: Clock) -> None:
        share = 1.0 / settings.replicas

        def buckets(count: float, period: Seconds, burst: float) -> Buckets[str]:
            return Buckets(clock, rate=count * share / period, burst=burst * share)

        self._clock = clock
        self._waiting = 0
        self._proxies = tuple(ip_network(one) for one in settings.trusted_proxies)
        requests, logins = settings.requests_per_minute, settings.logins_per_minute
        self._requests = buckets(requests, 60.0, requests / 10)
        self._logins = buckets(logins, 60.0, logins)
        self._accounts = buckets(settings.accounts_per_hour, 3600.0, settings.accounts_per_hour)
        lookups = settings.failed_lookups_per_minute
        self._lookups = buckets(lookups, 60.0, lookups)
        self._guessed = buckets(ACCOUNT_FAILURES_PER_MINUTE, 60.0, ACCOUNT_FAILURES_PER_MINUTE)
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def address(self, scope: Scope) -> str:
        """Return who calls: the connected address, or what proxies of ours say of it (S14).

        Of IPv6 it is the network of 64 bits: whoever has one address of it has all of them.
        """
        client = scope.get("client")
        found = str(client[0]) if client else ""
        if within(found, self._proxies):
            told = [v for k, v in scope["headers"] if k == b"x-forwarded-for"]
            chain = b",".join(told).decode("latin-1").split(",")
            for one in reversed([part.strip() for part in chain if part.strip()]):
                found = one[:64]
                if not within(found, self._proxies):
                    break
        return source_of(found)

    def lookup(self) -> Callable[[], None]:
        """Count a lookup of a secret; what is returned takes it off again when it was good.

        Raises
        ------
        ProblemError
            Too many from this address found nothing.
        """
        address = _caller.get("")
        _refuse(
            self._lookups.take(address),
            "Too many unknown keys, refresh tokens or tickets came from this address: check "
            "which program sends an old one.",
        )
        return lambda: self._lookups.give_back(address)

    def request(self, owner: str) -> None:
        """Count a request of an account. Raises `ProblemError` when there are too many."""
        _refuse(self._requests.take(owner), "This account asks too much at once.")

    def registration(self, address: str) -> None:
        """Count a registration. Raises `ProblemError`."""
        _refuse(self._accounts.take(address), "Too many accounts were opened from this address.")

    @contextmanager
    def place(self, address: str, email: str = "") -> Iterator[None]:
        """Take a place in the line for work on a password.

        Raises
        ------
        ProblemError
            Too many wait already.
        """
        known = (address, email) in self._known
        if self._waiting >= (ANYBODY_WAITING if known else STRANGERS_WAITING):
            _refuse(1.0, "Too many passwords are being checked.")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def login(self, address: str, email: str) -> None:
        """Count a login before its password is looked at. Raises `ProblemError`."""
        _refuse(self._logins.take(address), "Too many logins from this address.")
        failures = self._failures.get((address, email))
        now = self._clock.monotonic()
        if failures is not None and failures.until > now:
            _refuse(failures.until - now, "Too many wrong passwords.")
        if (address, email) not in self._known:
            _refuse(self._guessed.wait(email), "Too many wrong passwords for this account.")

    def failed(self, address: str, email: str) -> None:
        """Note a wrong password."""
        key = (address, email)
        before = self._failures.pop(key, _Failures(0, 0.0)).count
        wait = min(LONGEST_WAIT, 2.0 ** (before + 1 - FREE_FAILURES))
        until = self._clock.monotonic() + wait if before + 1 >= FREE_FAILURES else 0.0
        self._failures[key] = _Failures(before + 1, until)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        if key not in self._known:
            self._guessed.take(email)

    def succeeded(self, address: str, email: str) -> None:
        """Note a right password: this address is its owner's."""
        key = (address, email)
        self._failures.pop(key, None)
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


class Arrivals:
    """Notes where each request comes from, for the limits that count by address."""

    def __init__(self, inner: ASGIApp, limits: Limits) -> None:
        self._inner = inner
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        before = _caller.set(self._limits.address(scope))
        try:
            await self._inner(scope, receive, send)
        finally:
            _caller.reset(before)


def _refuse(wait: Seconds, detail: str) -> None:
    if wait > 0.0:
        seconds = max(1, ceil(wait))
        raise ProblemError(
            ProblemCode.TOO_MANY_REQUESTS,
            f"{detail} Try again in {seconds} s.",
            retry_after=seconds,
        )
