"""Verifying tokens with published keys: a cache that an unknown key cannot hammer (S3)."""

import asyncio
import logging
from typing import Any, Protocol

import httpx

from contracts.identity import Audience, Principal
from kit.auth.keys import Jwk
from kit.auth.tokens import key_name, read
from kit.clock import Clock

log = logging.getLogger(__name__)

REFETCH = 30.0
"""Seconds between two fetches of the key set, whatever tokens come."""


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
        kid = key_name(token)
        if kid not in self._keys:
            await self._refetch(kid)
        return read(token, self._keys, audience=self._audience, now=self._clock.now())

    async def _refetch(self, kid: str) -> None:
        async with self._lock:
            now = self._clock.monotonic()
            recent = self._fetched is not None and now - self._fetched < REFETCH
            if kid in self._keys or (recent and self._keys):
                return
            try:
                self._keys = await self._source.fetch()
                self._fetched = now
            except KeysUnavailable:
                if not self._keys:
                    raise
                # What is known stays known: a failure never clears the cache.
                self._fetched = now
                log.warning("the key set cannot be fetched; the known keys go on")
