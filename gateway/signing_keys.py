"""The signing keys of this server: made, published ahead, used, retired (S3)."""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from gateway import repository
from gateway.tables import SigningKeyRow
from kit.auth.jwk import Jwk, SigningKey, decrypt_pem, encrypt_pem, key_set, make_pem, signing_key
from kit.auth.tokens import MAX_LIFE
from kit.clock import Clock, new_id
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database

log = logging.getLogger(__name__)

AHEAD = timedelta(minutes=10)
"""A key is published this long before it signs: more than twice what any cache keeps."""
EVERY = 60.0
"""Seconds between two looks at the keys; other gateways' new keys are seen with them."""


class SigningKeys:
    """Signs with the current key and publishes all that verify.

    Parameters
    ----------
    life
        How long a key signs.
    secret
        What the private keys are encrypted with in the database; when it changes, new keys are made
        and everybody logs in again.
    """

    def __init__(self, database: Database, *, clock: Clock, life: timedelta, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._life = life
        self._secret = secret
        self._keys: tuple[SigningKey, ...] = ()

    def signing(self) -> SigningKey:
        """Return the key that signs now."""
        return signing_key(self._keys, self._clock.now())

    def published(self) -> dict[str, Any]:
        """Return the public keys: previous, current and next."""
        return key_set(self._keys, self._clock.now())

    async def fetch(self) -> dict[str, Jwk]:
        """Return the public keys by name, as a reader of this process takes them."""
        return {key["kid"]: key for key in self.published()["keys"]}

    async def load(self) -> None:
        """Read the keys, and make the first or the next where one is due."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            await self._database.lock(session, "signing-keys")
            rows = await repository.signing_keys(session)
            keys = [key for row in rows if (key := self._opened(row)) is not None]
            if not keys:
                keys.append(self._make(session, signs_from=now))
            newest = max(key.signs_from for key in keys)
            if newest <= now + AHEAD and now >= newest + self._life - AHEAD:
                keys.append(self._make(session, signs_from=now + AHEAD))
                log.info("security: a new signing key is published", extra={"event": "key.made"})
        self._keys = tuple(keys)

    async def rotate(self) -> None:
        """Publish a new key now; it signs after `AHEAD`."""
        async with self._database.transaction() as session:
            await self._database.lock(session, "signing-keys")
            self._make(session, signs_from=self._clock.now() + AHEAD)
        await self.load()

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the keys fresh."""
        while not stopping.is_set():
            try:
                await self.load()
            except (DatabaseUnavailable, IntegrityError) as error:
                log.warning("the signing keys cannot be read; the known ones go on: %s", error)
            try:
                async with asyncio.timeout(EVERY):
                    await stopping.wait()
            except TimeoutError:
                continue

    def _opened(self, row: SigningKeyRow) -> SigningKey | None:
        """Return a stored key, or nothing when it was sealed with another secret."""
        known = next((key for key in self._keys if key.kid == row.kid), None)
        if known is not None:
            return known
        try:
            pem = decrypt_pem(row.pem, self._secret)
        except ValueError:
            log.warning("signing key %s was sealed with another secret; it is left out", row.kid)
            return None
        return SigningKey(row.kid, pem, row.signs_from, row.retires)

    def _make(self, session: AsyncSession, *, signs_from: datetime) -> SigningKey:
        retires = signs_from + self._life + AHEAD + MAX_LIFE + timedelta(minutes=1)
        key = SigningKey(new_id(), make_pem(), signs_from, retires)
        pem = encrypt_pem(key.pem, self._secret)
        session.add(SigningKeyRow(kid=key.kid, pem=pem, signs_from=signs_from, retires=retires))
        return key
