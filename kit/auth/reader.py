"""Verify access tokens with published keys, cached so that unknown keys cause no load (S3)."""

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Protocol

import httpx

from contracts.identity import Audience, Principal
from kit.auth.jwk import Jwk
from kit.auth.tokens import key_name, read
from kit.clock import Clock

log = logging.getLogger(__name__)

REFETCH = 30.0
"""Minimum seconds between two fetches of the key set, whatever tokens arrive."""
MAX_AGE = 300.0
"""Seconds after which the key set is fetched again, which drops retired keys."""
REMEMBERED = 1_000
"""Size of the cache of verified tokens; an entry is valid until it expires or the keys change."""


class KeySource(Protocol):
    """Fetches the published keys."""

    async def fetch(self) -> dict[str, Jwk]:
        """Return the published keys by name. Raises `KeysUnavailable`."""
        ...


class KeysUnavailable(Exception):
    """The published keys cannot be fetched now."""


class HttpKeys:
    """Fetches the gateway's published keys over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def fetch(self) -> dict[str, Jwk]:
        """Return the published keys by name. Raises `KeysUnavailable`."""
        try:
            answer = await self._client.get("/.well-known/jwks.json")
            answer.raise_for_status()
            keys: list[dict[str, Any]] = answer.json()["keys"]
            return {str(key["kid"]): {k: str(v) for k, v in key.items()} for key in keys}
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise KeysUnavailable(str(error)) from error


class TokenReader:
    """Verifies tokens for one audience."""

    def __init__(self, source: KeySource, *, audience: Audience, clock: Clock) -> None:
        self._source = source
        self._audience = audience
        self._clock = clock
        self._keys: dict[str, Jwk] = {}
        self._verified: OrderedDict[str, Principal] = OrderedDict()
        self._fetched: float | None = None
        self._lock = asyncio.Lock()

    async def read(self, token: str) -> Principal:
        """Verify a token and return its principal.

        Raises
        ------
        BadToken
            The token is not valid, or has expired (`Expired`).
        KeysUnavailable
            The token cannot be verified now.
        """
        if self._fetched is not None and self._clock.monotonic() - self._fetched > MAX_AGE:
            await self._refetch("")
        who = self._verified.get(token)
        if who is not None and self._clock.now() <= who.expires:
            return who
        kid = key_name(token)
        if kid not in self._keys:
            await self._refetch(kid)
        who = read(token, self._keys, audience=self._audience, now=self._clock.now())
        self._verified[token] = who
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        return who

    async def _refetch(self, kid: str) -> None:
        async with self._lock:
            now = self._clock.monotonic()
            recent = self._fetched is not None and now - self._fetched < REFETCH
            if kid in self._keys or (recent and self._keys):
                return
            try:
                keys = await self._source.fetch()
            except KeysUnavailable:
                if not self._keys:
                    raise
                # An outage must not invalidate good tokens, so a failure never clears the cache.
                log.warning("the key set cannot be fetched; using the cached keys")
            else:
                if keys != self._keys:
                    self._keys = keys
                    self._verified.clear()
            self._fetched = now
