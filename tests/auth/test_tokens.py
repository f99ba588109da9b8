"""S1, S2, T20: forty tokens that must not be accepted, and what must be."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from contracts.identity import Audience, Scope
from contracts.ids import OwnerId, UserId
from kit.auth.jwk import SigningKey, make_pem
from kit.auth.tokens import MAX_LIFE, BadToken, Expired, UnknownKey, key_name, read, sign
from kit.clock import new_id

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = SigningKey("current", make_pem(), NOW, NOW + timedelta(days=30))
OTHER = SigningKey("other", make_pem(), NOW, NOW + timedelta(days=30))
KEYS = {"current": KEY.jwk()}
USER = new_id()
Json = dict[str, Any]


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def claims(**changed: Any) -> Json:
    """Return the claims of a good token with some changed; `None` leaves one out."""
    good: Json = {
        "iss": "urn:cratedig:gateway",
        "aud": "gateway",
        "sub": USER,
        "owner": USER,
        "scope": "catalogue:read catalogue:write",
        "admin": False,
        "jti": new_id(),
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(minutes=10)).timestamp()),
    } | changed
    return {name: value for name, value in good.items() if value is not None}


def head(**changed: Any) -> Json:
    good: Json = {"alg": "ES256", "typ": "at+jwt", "kid": "current"} | changed
    return {name: value for name, value in good.items() if value is not None}


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def signed(
    header: Json | bytes, body: Json | bytes, *, key: SigningKey = KEY, high: bool = False
) -> str:
    """Return a token signed by cryptography alone, whatever its parts say.

    Of the two signatures that are equally good it has the one that is taken, or the `high` one.
    """
    parts = [
        encoded(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, body)
    ]
    private = serialization.load_pem_private_key(key.pem.encode(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    der = private.sign(".".join(parts).encode(), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    s = max(s, ORDER - s) if high else min(s, ORDER - s)
    return ".".join((*parts, encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))))


def token(**changed: Any) -> str:
    return signed(head(), claims(**changed))


def text_of(header: Json) -> str:
    """Return what a signature signs."""
    return ".".join(encoded(json.dumps(part).encode()) for part in (header, claims()))


def hmac_with_public_key() -> str:
    """Return the classic: HS256 with the public key as its secret."""
    private = serialization.load_pem_private_key(KEY.pem.encode(), password=None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = text_of(head(alg="HS256"))
    mac = hmac.HMAC(public, hashes.SHA256())
    mac.update(text.encode())
    return f"{text}.{encoded(mac.finalize())}"


def rs256() -> str:
    private = rsa.generate_private_key(65537, 2048)
    text = text_of(head(alg="RS256"))
    return f"{text}.{encoded(private.sign(text.encode(), PKCS1v15(), hashes.SHA256()))}"


def unsigned(alg: str) -> str:
    return text_of(head(alg=alg)) + "."


def cut(text: str, *, signature: str) -> str:
    return text.rsplit(".", 1)[0] + "." + signature


def with_spare_bits(text: str) -> str:
    """Return a token whose last character says the same bytes in another way."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + letters[letters.index(text[-1]) + 1]


def changed_body(**changed: Any) -> str:
    """Return a good token whose claims were changed after it was signed."""
    first, _, last = token().split(".")
    return f"{first}.{encoded(json.dumps(claims(**changed)).encode())}.{last}"


LATER = int((NOW + timedelta(minutes=10)).timestamp())
OWN_JWK = OTHER.jwk()
BAD: dict[str, Callable[[], str]] = {
    "unsigned": lambda: unsigned("none"),
    "unsigned, spelled otherwise": lambda: unsigned("nOnE"),
    "no signature": lambda: cut(token(), signature=""),
    "a signature of zeros": lambda: cut(token(), signature=encoded(bytes(64))),
    "half a signature": lambda: cut(token(), signature=encoded(bytes(32))),
    "HS256 with the public key": hmac_with_public_key,
    "RS256": rs256,
    "ES384 named": lambda: signed(head(alg="ES384"), claims()),
    "lower case algorithm": lambda: signed(head(alg="es256"), claims()),
    "no algorithm": lambda: signed(head(alg=None), claims()),
    "another's key under our name": lambda: signed(head(), claims(), key=OTHER),
    "claims changed afterwards": lambda: changed_body(owner=new_id()),
    "unknown kid": lambda: signed(head(kid="other"), claims(), key=OTHER),
    "no kid": lambda: signed(head(kid=None), claims()),
    "kid is a list": lambda: signed(head(kid=["current"]), claims()),
    "kid is a path": lambda: signed(head(kid="../../dev/null"), claims()),
    "crit": lambda: signed(head(crit=["exp"]), claims()),
    "jku": lambda: signed(head(jku="https://evil.example/jwks"), claims()),
    "jwk": lambda: signed(head(jwk=OWN_JWK), claims(), key=OTHER),
    "x5u": lambda: signed(head(x5u="https://evil.example/cert"), claims()),
    "x5c": lambda: signed(head(x5c=["MII"]), claims()),
    "zip": lambda: signed(head(zip="DEF"), claims()),
    "b64": lambda: signed(head(b64=False), claims()),
    "another type": lambda: signed(head(typ="JWT"), claims()),
    "no type": lambda: signed(head(typ=None), claims()),
    "a head with a name twice": lambda: signed(
        b'{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"current"}', claims()
    ),
    "a head that is a list": lambda: signed(b'["ES256"]', claims()),
    "claims that are a list": lambda: signed(head(), b"[1]"),
    "claims that are no JSON": lambda: signed(head(), b"{"),
    "no exp": lambda: token(exp=None),
    "exp as text": lambda: token(exp=str(LATER)),
    "exp as a fraction": lambda: token(exp=LATER + 0.5),
    "exp as true": lambda: token(exp=True),
    "exp beyond all time": lambda: token(exp=10**30),
    "no iat": lambda: token(iat=None),
    "from the future": lambda: token(iat=LATER - 60),
    "lives too long": lambda: token(exp=int((NOW + MAX_LIFE).timestamp()) + 60),
    "no aud": lambda: token(aud=None),
    "for the library": lambda: token(aud="library"),
    "for several": lambda: token(aud=["gateway", "library"]),
    "no iss": lambda: token(iss=None),
    "another issuer": lambda: token(iss="urn:cratedig:gateway.evil"),
    "issuer as a list": lambda: token(iss=["urn:cratedig:gateway"]),
    "no sub": lambda: token(sub=None),
    "no owner": lambda: token(owner=None),
    "owner is no id": lambda: token(owner="1 OR 1=1"),
    "owner with a line break": lambda: token(owner=USER + "\n"),
    "no scope": lambda: token(scope=None),
    "scope as a list": lambda: token(scope=["catalogue:read"]),
    "unknown scope": lambda: token(scope="catalogue:read everything"),
    "admin as text": lambda: token(admin="false"),
    "no jti": lambda: token(jti=None),
    "nbf": lambda: token(nbf=LATER),
    "four parts": lambda: token() + ".x",
    "two parts": lambda: token().rsplit(".", 1)[0],
    "nothing": lambda: "",
    "two dots": lambda: "..",
    "too long": lambda: signed(head(), claims(scope="catalogue:read " * 400)),
    "not ASCII": lambda: token() + "é",
    "a space inside": lambda: token().replace(".", ". ", 1),
    "padding": lambda: token() + "==",
    "the other signature": lambda: signed(head(), claims(), high=True),
    "bits behind the signature": lambda: with_spare_bits(token()),
}


def test_the_matrix_is_large_enough() -> None:
    assert len(BAD) >= 40


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused(name: str) -> None:
    with pytest.raises(BadToken):
        read(BAD[name](), KEYS, audience=Audience.GATEWAY, now=NOW)


def test_a_good_token_names_its_principal() -> None:
    who = read(token(admin=True, sid=USER), KEYS, audience=Audience.GATEWAY, now=NOW)
    assert (who.user, who.owner, who.admin, who.session) == (USER, USER, True, USER)
    assert who.scopes == {Scope.READ, Scope.WRITE}
    assert who.expires == NOW + timedelta(minutes=10)


def test_a_token_ends() -> None:
    good = token()
    read(good, KEYS, audience=Audience.GATEWAY, now=NOW + timedelta(minutes=10))
    with pytest.raises(Expired):
        read(good, KEYS, audience=Audience.GATEWAY, now=NOW + timedelta(minutes=10, seconds=6))


def test_an_unknown_key_has_its_own_error() -> None:
    with pytest.raises(UnknownKey):
        read(signed(head(kid="x"), claims()), KEYS, audience=Audience.GATEWAY, now=NOW)


def test_what_is_signed_is_read() -> None:
    signed = sign(
        KEY,
        user=UserId(USER),
        owner=OwnerId(USER),
        scopes=frozenset({Scope.JOBS}),
        admin=False,
        audience=Audience.LIBRARY,
        life=timedelta(hours=5),
        now=NOW,
    )
    assert key_name(signed) == "current"
    who = read(signed, KEYS, audience=Audience.LIBRARY, now=NOW)
    assert who.scopes == {Scope.JOBS}
    assert who.expires - NOW == MAX_LIFE
    with pytest.raises(BadToken):
        read(signed, KEYS, audience=Audience.GATEWAY, now=NOW)


def test_every_token_has_the_one_signature_that_is_taken() -> None:
    for _ in range(40):
        signed = sign(
            KEY,
            user=UserId(USER),
            owner=OwnerId(USER),
            scopes=frozenset({Scope.READ}),
            admin=False,
            audience=Audience.GATEWAY,
            life=MAX_LIFE,
            now=NOW,
        )
        assert read(signed, KEYS, audience=Audience.GATEWAY, now=NOW).user == USER
