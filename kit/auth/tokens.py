"""Sign and verify access tokens; the only module that imports python-jose (S1, S2).

python-jose alone accepts tokens without `exp` or `aud`, ignores `crit`, and accepts `exp` as a
string. The checks here before and after its verification close each of these gaps.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from jose import jwk, jws, jwt
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
"""Tolerance for differing clocks, in seconds."""
MAX_LENGTH = 4096
_FORBIDDEN = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "zip", "b64"})
_REQUIRED = frozenset({"iss", "aud", "sub", "exp", "iat", "jti", "owner", "scope"})
_OPTIONAL = frozenset({"admin", "sid"})
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
"""Three parts in base64 without padding, the last of 64 bytes."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of P-256 (SP 800-186). Both (r, s) and (r, order - s) are valid; only the one
with the smaller s is accepted, so that nobody can derive a second token from a given one."""
_UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")


class BadToken(Exception):
    """A token is not valid; the message is for logs, not for the caller."""


class UnknownKey(BadToken):
    """A token names an unknown key."""


class Expired(BadToken):
    """A valid token has expired."""


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
    """Sign a token that is valid for `life`, up to `MAX_LIFE`; `session` is its login's id."""
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
    """Check a token's form and header; return the name of the key that it claims.

    Raises
    ------
    BadToken
        The token has a form or a header that `sign` never produces.
    """
    if len(token) > MAX_LENGTH or not _SHAPE.fullmatch(token):
        raise BadToken("not a token")
    signature = token.rpartition(".")[2]
    if _canonical(signature) != signature:
        raise BadToken("its signature is not in canonical form")
    header = decoded_header(token)
    if forbidden := _FORBIDDEN & header.keys():
        raise BadToken(f"the header contains {sorted(forbidden)}")
    if header.get("alg") != ALGORITHM:
        raise BadToken("signed with another algorithm")
    if header.get("typ") != TYPE:
        raise BadToken("not an access token")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise BadToken("lacks the name of its key")
    return kid


def read(token: str, keys: Mapping[str, Jwk], *, audience: Audience, now: datetime) -> Principal:
    """Verify a token and return its principal.

    Parameters
    ----------
    keys
        Public keys by name.
    now
        The time to check the token against.

    Raises
    ------
    UnknownKey
        The token names a key that is not in `keys`.
    Expired
        The token has expired.
    BadToken
        The token is not valid.
    """
    kid = key_name(token)
    if kid not in keys:
        raise UnknownKey("names an unknown key")
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


def signed_claims(token: str, key: Jwk, *, algorithm: str) -> dict[str, Any]:
    """Verify the signature of another issuer's token; return its claims, none of which is checked.

    Parameters
    ----------
    key
        The public key that the token must be signed with. Its type must fit the algorithm.
    algorithm
        The only algorithm that is accepted.

    Raises
    ------
    BadToken
        The signature is wrong, or the claims are not an object.
    """
    try:
        payload = jws.verify(token, key, algorithms=[algorithm])
    except (JOSEError, ValueError, TypeError, KeyError) as error:
        raise BadToken(str(error)) from None
    return decoded_object(payload)


def _principal(claims: Mapping[str, Any], audience: Audience, now: datetime) -> Principal:
    if missing := _REQUIRED - claims.keys():
        raise BadToken(f"lacks {sorted(missing)}")
    if strange := claims.keys() - _REQUIRED - _OPTIONAL:
        raise BadToken(f"has the unknown claims {sorted(strange)[:3]}")
    if claims["aud"] != audience.value:
        raise BadToken("has another audience")
    for name in ("exp", "iat"):
        if not isinstance(claims[name], int) or isinstance(claims[name], bool):
            raise BadToken(f"{name} is not a number")
    try:
        expires = datetime.fromtimestamp(claims["exp"], UTC)
        issued = datetime.fromtimestamp(claims["iat"], UTC)
    except (OverflowError, ValueError, OSError):
        raise BadToken("a time is out of range") from None
    skew = timedelta(seconds=LEEWAY)
    if now > expires + skew:
        raise Expired("expired")
    if issued > now + skew:
        raise BadToken("issued in the future")
    if expires - issued > MAX_LIFE + skew:
        raise BadToken("valid for too long")
    if not isinstance(claims["scope"], str) or not isinstance(claims.get("admin", False), bool):
        raise BadToken("`scope` or `admin` has the wrong type")
    for name in ("sub", "owner", "jti", "sid"):
        value = claims.get(name)
        if name == "sid" and value is None:
            continue
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise BadToken(f"{name} is not an id")
    try:
        scopes = frozenset(Scope(scope) for scope in claims["scope"].split())
    except ValueError:
        raise BadToken("unknown scope") from None
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
    """Return a 64-byte signature in base64 with the smaller s; see `_ORDER`."""
    raw = base64.urlsafe_b64decode(signature + "==")
    s = int.from_bytes(raw[32:])
    low = max(0, min(s, _ORDER - s)).to_bytes(32)
    return base64.urlsafe_b64encode(raw[:32] + low).rstrip(b"=").decode()


def decoded_header(token: str) -> dict[str, Any]:
    """Return the header of a token, which is not verified yet. Raises `BadToken`."""
    part = token.split(".", 1)[0]
    try:
        text = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (ValueError, binascii.Error):
        raise BadToken("its header cannot be decoded") from None
    return decoded_object(text)


def decoded_object(text: bytes) -> dict[str, Any]:
    """Decode a JSON object, no name of which may be repeated. Raises `BadToken`."""
    try:
        value = json.loads(text, object_pairs_hook=_no_doubles)
    except (ValueError, UnicodeError):
        raise BadToken("it cannot be decoded") from None
    if not isinstance(value, dict):
        raise BadToken("it is not an object")
    return value


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a name is repeated")
    return dict(pairs)
