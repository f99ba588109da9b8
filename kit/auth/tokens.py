"""The one module that signs and reads tokens, and the only one that imports python-jose (S1, S2).

python-jose by itself accepts tokens without `exp` or `aud`, ignores `crit`, and takes `exp` as a
string. What is refused here before and after its verification closes each of these.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from jose import jwk, jwt
from jose.backends.base import Key
from jose.exceptions import JOSEError

from contracts.identity import Audience, Principal, Scope
from contracts.ids import OwnerId, UserId
from kit.auth.jwk import Jwk, SigningKey
from kit.clock import new_id

ALGORITHM = "ES256"
TYPE = "at+jwt"
ISSUER = "urn:cratedig:gateway"
MAX_LIFE = timedelta(minutes=15)
LEEWAY = 5
"""Seconds that clocks may differ."""
MAX_LENGTH = 4096
_FORBIDDEN = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "zip", "b64"})
_REQUIRED = frozenset({"iss", "aud", "sub", "exp", "iat", "jti", "owner", "scope"})
_OPTIONAL = frozenset({"admin", "sid"})
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
"""Three parts in base64 without padding, the last of 64 bytes: one way to write a token."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of P-256 (SP 800-186). Of the two signatures (r, s) and (r, order - s), which are
equally good, only the one with the smaller s is written and taken."""
_UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")


class BadToken(Exception):
    """A token is not accepted; the message is for logs, not for its bearer."""


class UnknownKey(BadToken):
    """A token names a key that is not known."""


class Expired(BadToken):
    """A token was good and has ended."""


def sign(
    key: SigningKey,
    *,
    user: UserId,
    owner: OwnerId,
    scopes: frozenset[Scope],
    admin: bool,
    audience: Audience,
    life: timedelta,
    now: datetime,
    session: str = "",
) -> str:
    """Return a token of at most `MAX_LIFE`; `session` is the login that it belongs to."""
    claims = {
        "iss": ISSUER,
        "aud": audience.value,
        "sub": user,
        "owner": owner,
        "scope": " ".join(sorted(scopes)),
        "admin": admin,
        "jti": new_id(),
        "iat": int(now.timestamp()),
        "exp": int((now + min(life, MAX_LIFE)).timestamp()),
    }
    if session:
        claims["sid"] = session
    headers = {"typ": TYPE, "kid": key.kid}
    token = str(jwt.encode(claims, _private(key.pem), algorithm=ALGORITHM, headers=headers))
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{_canonical(signature)}"


def key_name(token: str) -> str:
    """Return the name of the key that a token says it was signed with, after the first checks.

    Raises
    ------
    BadToken
        The token's head is not one that we would write.
    """
    if len(token) > MAX_LENGTH or not _SHAPE.fullmatch(token):
        raise BadToken("not a token")
    signature = token.rpartition(".")[2]
    if _canonical(signature) != signature:
        raise BadToken("its signature is written in another way than ours")
    head = _decoded(token.split(".", 1)[0])
    if forbidden := _FORBIDDEN & head.keys():
        raise BadToken(f"the head holds {sorted(forbidden)}")
    if head.get("alg") != ALGORITHM:
        raise BadToken("signed by another algorithm")
    if head.get("typ") != TYPE:
        raise BadToken("not an access token")
    kid = head.get("kid")
    if not isinstance(kid, str) or not kid:
        raise BadToken("names no key")
    return kid


def read(token: str, keys: Mapping[str, Jwk], *, audience: Audience, now: datetime) -> Principal:
    """Verify a token and return who asks.

    Raises
    ------
    UnknownKey, Expired, BadToken
    """
    kid = key_name(token)
    if kid not in keys:
        raise UnknownKey("names a key that is not known")
    try:
        claims = jwt.decode(
            token,
            keys[kid],
            algorithms=[ALGORITHM],
            audience=audience.value,
            issuer=ISSUER,
            options={
                "require_aud": True,
                "require_iss": True,
                "require_sub": True,
                "require_jti": True,
                "verify_at_hash": False,
                # Times are required and checked below, against the clock that is passed in.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (JOSEError, ValueError, TypeError, KeyError) as error:
        raise BadToken(str(error)) from None
    return _principal(claims, audience, now)


def _principal(claims: Mapping[str, Any], audience: Audience, now: datetime) -> Principal:
    if missing := _REQUIRED - claims.keys():
        raise BadToken(f"without {sorted(missing)}")
    if strange := claims.keys() - _REQUIRED - _OPTIONAL:
        raise BadToken(f"with {sorted(strange)[:3]}, which we never write")
    if claims["aud"] != audience.value:
        raise BadToken("for somebody else")
    for name in ("exp", "iat"):
        if not isinstance(claims[name], int) or isinstance(claims[name], bool):
            raise BadToken(f"{name} is not a number")
    try:
        expires = datetime.fromtimestamp(claims["exp"], UTC)
        issued = datetime.fromtimestamp(claims["iat"], UTC)
    except (OverflowError, ValueError, OSError):
        raise BadToken("a time is none") from None
    skew = timedelta(seconds=LEEWAY)
    if now > expires + skew:
        raise Expired("it has ended")
    if issued > now + skew:
        raise BadToken("from the future")
    if expires - issued > MAX_LIFE + skew:
        raise BadToken("lives too long")
    if not isinstance(claims["scope"], str) or not isinstance(claims.get("admin", False), bool):
        raise BadToken("scopes are not text")
    for name in ("sub", "owner", "jti", "sid"):
        value = claims.get(name)
        if name == "sid" and value is None:
            continue
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise BadToken(f"{name} is not an id")
    try:
        scopes = frozenset(Scope(scope) for scope in claims["scope"].split())
    except ValueError:
        raise BadToken("a scope is not known") from None
    return Principal(
        user=UserId(claims["sub"]),
        owner=OwnerId(claims["owner"]),
        scopes=scopes,
        admin=claims.get("admin", False),
        token=claims["jti"],
        session=claims.get("sid", ""),
        expires=expires,
    )


@lru_cache(maxsize=8)
def _private(pem: str) -> Key:
    return jwk.construct(pem, ALGORITHM)


def _canonical(signature: str) -> str:
    """Return a signature of 64 bytes, in base64, in the one way that it is written here."""
    raw = base64.urlsafe_b64decode(signature + "==")
    s = int.from_bytes(raw[32:])
    low = max(0, min(s, _ORDER - s)).to_bytes(32)
    return base64.urlsafe_b64encode(raw[:32] + low).rstrip(b"=").decode()


def _decoded(part: str) -> dict[str, Any]:
    try:
        text = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        value = json.loads(text, object_pairs_hook=_no_doubles)
    except (ValueError, binascii.Error, UnicodeError):
        raise BadToken("its head cannot be read") from None
    if not isinstance(value, dict):
        raise BadToken("its head is not an object")
    return value


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a name stands twice")
    return dict(pairs)
