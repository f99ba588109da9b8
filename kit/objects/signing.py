"""Signed local URLs: one key, one verb, one end, for stores that have no server of their own."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

from kit.clock import Clock, SystemClock

SHORTEST_SECRET: Final = 32
LONGEST: Final = timedelta(hours=24)


class BadSignature(Exception):
    """A URL was not signed here, was changed, or has ended; the text says which."""


class Signer:
    """Signs and checks URLs with one secret.

    Parameters
    ----------
    secret
        At least 32 characters, shared by whoever signs and whoever checks.
    clock
        Tells when a URL has ended.
    """

    def __init__(self, secret: str, *, clock: Clock | None = None) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"the signing secret must have {SHORTEST_SECRET} characters or more")
        self._secret = secret.encode()
        self._clock = clock or SystemClock()

    def sign(self, method: str, path: str, *, claims: Mapping[str, str], lasting: timedelta) -> str:
        """Return a path with its claims, its end and a signature over all of it and the method."""
        if not timedelta(0) < lasting <= LONGEST:
            raise ValueError(f"a signed URL lasts more than nothing and at most {LONGEST}")
        end = int(self._clock.now().timestamp() + lasting.total_seconds())
        signed = {**claims, "expires": str(end)}
        signature = self._signature(method, path, signed)
        return f"{quote(path)}?{urlencode({**signed, 'signature': signature})}"

    def check(self, method: str, path: str, query: Mapping[str, str]) -> dict[str, str]:
        """Return the claims of a signed URL.

        Raises
        ------
        BadSignature
        """
        claims = dict(query)
        signature = claims.pop("signature", "")
        expected = self._signature(method, path, claims)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise BadSignature("the address was not signed here for this use")
        if int(claims.pop("expires")) < self._clock.now().timestamp():
            raise BadSignature("the address has ended: ask for a new one")
        return claims

    def _signature(self, method: str, path: str, claims: Mapping[str, str]) -> str:
        text = "\n".join((method, path, urlencode(sorted(claims.items()))))
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
