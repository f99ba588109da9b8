"""Rate limits of requests, logins and lookups, in memory per gateway process (S6, S21).

Nobody is locked out: an error states when to retry, and wrong guesses slow down the guesser, not
the owner of the account. The library's database holds the exact quotas.
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
"""Maximum number of keys of a limit; the least recently used is dropped first."""
FREE_FAILURES = 5
"""Wrong passwords for one account from one address before it must wait."""
MAX_WAIT: Seconds = 60.0
ACCOUNT_FAILURES_PER_MINUTE = 30
"""Wrong passwords for one account from all addresses but those that logged in to it before."""


class Buckets(Generic[Key]):
    """Token buckets by key: `rate` tokens per second, at most `burst` at once."""

    def __init__(self, clock: Clock, *, rate: float, burst: float) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = max(1.0, burst)
        self._levels: OrderedDict[Key, tuple[float, float]] = OrderedDict()

    def wait(self, key: Key) -> Seconds:
        """Return the seconds until a token is available; 0 means now."""
        return max(0.0, (1.0 - self._level(key, self._clock.monotonic())) / self._rate)

    def take(self, key: Key) -> Seconds:
        """Take a token and return 0, or return the seconds to wait for one."""
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
        """Return a token to the bucket."""
        level, then = self._levels.get(key, (self._burst, 0.0))
        self._levels[key] = (min(self._burst, level + 1.0), then)

    def _level(self, key: Key, now: float) -> float:
        level, then = self._levels.get(key, (self._burst, now))
        return min(self._burst, level + (now - then) * self._rate)


_caller: ContextVar[str] = ContextVar("caller")
"""The address of the current request's caller, as the limits count it."""
MAX_WAITING_UNKNOWN = 16
"""Maximum number of password checks in progress for an address that never logged in."""
MAX_WAITING = 32
"""Maximum number of password checks in progress for anybody; the last waits about a second."""


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
        self._proxies = tuple(ip_network(proxy) for proxy in settings.trusted_proxies)
        requests, logins = settings.requests_per_minute, settings.logins_per_minute
        self._requests = buckets(requests, 60.0, requests / 10)
        self._logins = buckets(logins, 60.0, logins)
        self._sign_ins = buckets(logins, 60.0, logins)
        self._accounts = buckets(settings.accounts_per_hour, 3600.0, settings.accounts_per_hour)
        lookups = settings.failed_lookups_per_minute
        self._lookups = buckets(lookups, 60.0, lookups)
        self._guests = buckets(
            settings.guest_requests_per_minute, 60.0, settings.guest_requests_per_minute / 4
        )
        self._links = buckets(
            settings.link_requests_per_minute, 60.0, settings.link_requests_per_minute / 4
        )
        self._guessed = buckets(ACCOUNT_FAILURES_PER_MINUTE, 60.0, ACCOUNT_FAILURES_PER_MINUTE)
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def address(self, scope: Scope) -> str:
        """Return the caller's address: the peer's, or the one that trusted proxies report (S14).

        For IPv6 it is the /64 network, because one caller usually controls all of its addresses.
        """
        client = scope.get("client")
        address = str(client[0]) if client else ""
        if within(address, self._proxies):
            forwarded = [v for k, v in scope["headers"] if k == b"x-forwarded-for"]
            chain = b",".join(forwarded).decode("latin-1").split(",")
            for hop in reversed([part.strip() for part in chain if part.strip()]):
                address = hop[:64]
                if not within(address, self._proxies):
                    break
        return source_of(address)

    def lookup(self) -> Callable[[], None]:
        """Count a lookup of a secret; call the returned function if the secret is valid.

        Raises
        ------
        ProblemError
            Too many lookups from this address failed.
        """
        address = _caller.get("")
        _refuse(
            self._lookups.take(address),
            "Too many unknown API keys, refresh tokens or tickets from this address: check which "
            "program sends an old one.",
        )
        return lambda: self._lookups.give_back(address)

    def request(self, owner: str) -> None:
        """Count a request of an account. Raises `ProblemError` if there are too many."""
        _refuse(self._requests.take(owner), "Too many requests from this account.")

    def shared_link(self, address: str, link: str) -> None:
        """Count a request without an account, by its address and by the digest of its link.

        Raises
        ------
        ProblemError
            There are too many from this address, or with this link.
        """
        _refuse(self._guests.take(address), "Too many requests without an account from here.")
        _refuse(self._links.take(link), "Too many requests with this link.")

    def registration(self, address: str) -> None:
        """Count a registration. Raises `ProblemError` if there are too many."""
        _refuse(self._accounts.take(address), "Too many new accounts from this address.")

    @contextmanager
    def queue_slot(self, address: str, email: str = "") -> Iterator[None]:
        """Hold one of the slots for hashing passwords.

        Raises
        ------
        ProblemError
            Too many passwords are being checked.
        """
        known = (address, email) in self._known
        if self._waiting >= (MAX_WAITING if known else MAX_WAITING_UNKNOWN):
            _refuse(1.0, "Too many passwords are being checked.")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def login(self, address: str, email: str) -> None:
        """Rate-limit a login attempt before checking its password. Raises `ProblemError`."""
        _refuse(self._logins.take(address), "Too many logins from this address.")
        failures = self._failures.get((address, email))
        now = self._clock.monotonic()
        if failures is not None and failures.until > now:
            _refuse(failures.until - now, "Too many wrong passwords.")
        if (address, email) not in self._known:
            _refuse(self._guessed.wait(email), "Too many wrong passwords for this account.")

    def sign_in(self, address: str) -> None:
        """Count a step of a sign-in with a provider. Raises `ProblemError`."""
        _refuse(self._sign_ins.take(address), "Too many sign-ins from this address.")

    def failed(self, address: str, email: str) -> None:
        """Record a wrong password."""
        key = (address, email)
        before = self._failures.pop(key, _Failures(0, 0.0)).count
        wait = min(MAX_WAIT, 2.0 ** (before + 1 - FREE_FAILURES))
        until = self._clock.monotonic() + wait if before + 1 >= FREE_FAILURES else 0.0
        self._failures[key] = _Failures(before + 1, until)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        if key not in self._known:
            self._guessed.take(email)

    def succeeded(self, address: str, email: str) -> None:
        """Record a right password; from now on the address is known as its owner's."""
        key = (address, email)
        self._failures.pop(key, None)
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def caller_address() -> str:
    """Return the address of the current request's caller; empty outside of requests."""
    return _caller.get("")


class CallerAddressMiddleware:
    """Records the caller's address of each request, for the limits per address."""

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
        # A sum of times may be a rounding error above a whole second.
        seconds = max(1, ceil(wait - 1e-6))
        raise ProblemError(
            ProblemCode.TOO_MANY_REQUESTS,
            f"{detail} Try again in {seconds} s.",
            retry_after=seconds,
        )
