"""Verifying tokens with published keys: a cache that an unknown key cannot hammer (S3)."""

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
"""Seconds between two fetches of the key set, whatever tokens come."""
MAX_AGE = 300.0
"""Seconds after which the key set is fetched again, so that retired keys are forgotten."""
REMEMBERED = 1_000
"""Verified tokens that need not be verified again until they end or the keys change."""


class KeySource(Protocol):
    """Where public keys come from."""

    async def fetch(self) -> dict[str, Jwk]:
        """Return the published keys by name. Raises `KeysUnavailable`."""
        ...


class KeysUnavailable(Exception):
    """The published keys cannot be had now."""


class HttpKeys:
    """The gateway's published keys."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def fetch(self) -> dict[str, Jwk]:
        """Return the published keys by name."""
        try:
            answer = await self._client.get("/.well-known/jwks.json")
            answer.raise_for_status()
            found: list[dict[str, Any]] = answer.json()["keys"]
            return {str(key["kid"]): {k: str(v) for k, v in key.items()} for key in found}
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise KeysUnavailable(str(error)) from error


class TokenReader:
    """Reads tokens for one audience."""

    def __init__(self, source: KeySource, *, audience: Audience, clock: Clock) -> None:
        self._source = source
        self._audience = audience
        self._clock = clock
        self._keys: dict[str, Jwk] = {}
        self._verified: OrderedDict[str, Principal] = OrderedDict()
        self._fetched: float | None = None
        self._lock = asyncio.Lock()

    async def read(self, token: str) -> Principal:
        """Verify a token and return who asks.

        Raises
        ------
        BadToken
            It is not accepted.
        KeysUnavailable
            It cannot be verified now.
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
                found = await self._source.fetch()
            except KeysUnavailable:
                if not self._keys:
                    raise
                # What is known stays known: a failure never clears the cache.
                log.warning("the key set cannot be fetched; the known keys go on")
            else:
                if found != self._keys:
                    self._keys = found
                    self._verified.clear()
            self._fetched = now
