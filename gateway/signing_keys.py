"""Create, publish, rotate and retire the keys that sign access tokens (S3)."""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
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
"""How long a key is published before it signs: more than twice the lifetime of any cache."""
EVERY = 60.0
"""Seconds between reloads, which also pick up keys that other gateway processes created."""


class SigningKeys:
    """The signing keys: one signs now, and all that verify tokens are published.

    Parameters
    ----------
    life
        How long a key signs.
    secret
        The secret that encrypts the private keys in the database. If it changes, the server creates
        new keys and every user must log in again.
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
        """Return the public keys by key id, for token readers in this process."""
        return {key["kid"]: key for key in self.published()["keys"]}

    async def load(self) -> None:
        """Read the keys, and create the first or the next one if it is due."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            await self._database.lock(session, "signing-keys")
            rows = await repository.signing_keys(session)
            keys = [key for row in rows if (key := self._decrypt(row)) is not None]
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
        """Reload the keys periodically."""
        while not stopping.is_set():
            try:
                await self.load()
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.warning("reading the signing keys failed, the loaded keys stay: %s", error)
            try:
                async with asyncio.timeout(EVERY):
                    await stopping.wait()
            except TimeoutError:
                continue

    def _decrypt(self, row: SigningKeyRow) -> SigningKey | None:
        """Decrypt a stored key; return `None` if it was encrypted with another secret."""
        known = next((key for key in self._keys if key.kid == row.kid), None)
        if known is not None:
            return known
        try:
            pem = decrypt_pem(row.pem, self._secret)
        except ValueError:
            log.warning("signing key %s is encrypted with another secret; ignoring it", row.kid)
            return None
        return SigningKey(row.kid, pem, row.signs_from, row.retires)

    def _make(self, session: AsyncSession, *, signs_from: datetime) -> SigningKey:
        retires = signs_from + self._life + AHEAD + MAX_LIFE + timedelta(minutes=1)
        key = SigningKey(new_id(), make_pem(), signs_from, retires)
        pem = encrypt_pem(key.pem, self._secret)
        session.add(SigningKeyRow(kid=key.kid, pem=pem, signs_from=signs_from, retires=retires))
        return key
