"""Verify ID tokens of OpenID Connect providers (OpenID Connect Core 1.0, section 3.1.3.7).

Only signatures with a published key of the provider are accepted: never `none`, and never a shared
secret, with which a public key could be passed off as one.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kit.auth.jwk import Jwk
from kit.auth.tokens import LEEWAY, BadToken, Expired, UnknownKey, decoded_header, signed_claims

MAX_LENGTH = 16_384
"""Maximum characters of an ID token."""
MAX_AGE = 600
"""Seconds after its issue in which a token is accepted: it comes straight from the provider."""
MIN_RSA_BITS = 2048
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", *_CURVES})
"""Accepted signature algorithms."""
_FORBIDDEN = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "zip", "b64"})
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SUBJECT = re.compile(r"^[\x20-\x7e]{1,255}$")
_BASE64_BITS = 6


def read_id_token(
    token: str,
    keys: Sequence[Jwk],
    *,
    issuer: str,
    client_id: str,
    nonce: str | None,
    now: datetime,
) -> Mapping[str, Any]:
    """Verify an ID token and return its claims; `iss`, `aud`, `sub`, `exp` and `iat` are checked.

    Parameters
    ----------
    keys
        Public keys that the provider publishes.
    issuer
        The provider; `iss` must be the same, character by character.
    client_id
        This server's name at the provider, for which the token must have been issued.
    nonce
        The nonce of the authentication request; `None` if there was none, as in the device flow.

    Raises
    ------
    UnknownKey
        The token names a key that is not among `keys`.
    Expired
        The token has expired.
    BadToken
        The token is not valid.
    """
    if len(token) > MAX_LENGTH or not _SHAPE.fullmatch(token):
        raise BadToken("not a signed token")
    header = decoded_header(token)
    if forbidden := _FORBIDDEN & header.keys():
        raise BadToken(f"the header contains {sorted(forbidden)}")
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise BadToken("signed with an algorithm that is not accepted")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise BadToken("not an ID token")
    claims = signed_claims(
        token, _key(keys, header.get("kid"), str(algorithm)), algorithm=str(algorithm)
    )
    if claims.get("iss") != issuer:
        raise BadToken("has another issuer")
    _check_audience(claims, client_id)
    _check_times(claims, now)
    if nonce is not None and claims.get("nonce") != nonce:
        raise BadToken("has another nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise BadToken("its subject is not 1 to 255 ASCII characters")
    return claims


def _key(keys: Sequence[Jwk], kid: object, algorithm: str) -> Jwk:
    """Return the key that a token names, or the only one of the right type if it names none."""
    usable = [key for key in keys if _fits(key, algorithm)]
    if kid is not None:
        usable = [key for key in usable if key.get("kid") == kid]
    if not usable:
        raise UnknownKey("names an unknown key")
    if len(usable) > 1:
        raise BadToken("does not say which of several keys signed it")
    return usable[0]


def _fits(key: Jwk, algorithm: str) -> bool:
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return False
    if algorithm in _CURVES:
        return key.get("kty") == "EC" and key.get("crv") == _CURVES[algorithm]
    return key.get("kty") == "RSA" and len(key.get("n", "")) * _BASE64_BITS >= MIN_RSA_BITS


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    several = isinstance(audience, list) and len(audience) > 1
    if audience != client_id and not (isinstance(audience, list) and client_id in audience):
        raise BadToken("has another audience")
    if claims.get("azp", None if several else client_id) != client_id:
        raise BadToken("was issued to another client")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    seconds = now.timestamp()
    times = {}
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name)
        if name == "nbf" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadToken(f"{name} is not a number")
        times[name] = value
    if seconds > times["exp"] + LEEWAY:
        raise Expired("expired")
    if times["iat"] > seconds + LEEWAY or times.get("nbf", 0) > seconds + LEEWAY:
        raise BadToken("issued in the future")
    if seconds > times["iat"] + MAX_AGE + LEEWAY:
        raise BadToken("issued too long ago")
