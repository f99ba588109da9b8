"""Answers of an OpenID Connect provider that must not sign anybody in."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pydantic import SecretStr, ValidationError

from gateway.oidc.provider import IdentityProvider, Person, ProviderRefused, ProviderUnavailable
from gateway.oidc.settings import ProviderSettings
from kit.auth.tokens import BadToken
from tests.gateway.gateway_harness import ShiftedClock

ISSUER = "https://acme.example/tenant"
CLIENT = "cratedig"
NONCE = "the nonce of this request"
Json = dict[str, Any]
RSA = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
SHORT = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def part(value: Json) -> str:
    return encoded(json.dumps(value).encode())


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8))


def rsa_jwk(key: rsa.RSAPrivateKey, **changed: Any) -> Json:
    numbers = key.public_key().public_numbers()
    public = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    return public | {"kid": "one", "use": "sig", "alg": "RS256"} | changed


def ec_jwk(**changed: Any) -> Json:
    numbers = EC.public_key().public_numbers()
    x, y = (encoded(value.to_bytes(32)) for value in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "curve"} | changed


def token(
    claims: Json, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = RSA, **header: Any
) -> str:
    signed = f"{part({'alg': 'RS256', 'kid': 'one'} | header)}.{part(claims)}"
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed.encode(), PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32) + s.to_bytes(32)
    return f"{signed}.{encoded(signature)}"


def with_shared_secret(claims: Json) -> str:
    """Sign with the published key as if it were a shared secret."""
    signed = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}"
    mac = hmac.HMAC(rsa_jwk(RSA)["n"].encode(), hashes.SHA256())
    mac.update(signed.encode())
    return f"{signed}.{encoded(mac.finalize())}"


@dataclass
class Acme:
    """A provider whose every answer a test chooses."""

    clock: ShiftedClock = field(default_factory=ShiftedClock)
    keys: list[Json] = field(default_factory=lambda: [rsa_jwk(RSA)])
    metadata: Json = field(default_factory=dict)
    userinfo: Json | bytes = field(default_factory=dict)
    status: int = 200
    id_token: str = ""
    calls: list[httpx.Request] = field(default_factory=list)

    def claims(self, **changed: Any) -> Json:
        """Return the claims of a good token with some changed; `None` leaves one out."""
        now = int(self.clock.now().timestamp())
        good = {"iss": ISSUER, "aud": CLIENT, "sub": "ada", "iat": now, "exp": now + 300}
        good |= {"nonce": NONCE, "email": "Ada@acme.example", "email_verified": True} | changed
        return {name: value for name, value in good.items() if value is not None}

    def count(self, path: str) -> int:
        return sum(request.url.path == path for request in self.calls)

    def provider(self, **changed: Any) -> IdentityProvider:
        own: Json = {"id": "acme", "name": "Acme", "issuer": ISSUER, "client_id": CLIENT}
        settings = ProviderSettings(**own | {"client_secret": SecretStr("a secret: 1")} | changed)
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        return IdentityProvider(settings, client, clock=self.clock)

    async def sign_in(self, id_token: str | None = None, **changed: Any) -> Person:
        """Sign in with a token, by default a good one."""
        self.id_token = token(self.claims()) if id_token is None else id_token
        provider = self.provider(**changed)
        return await provider.exchange("code", verifier="v", nonce=NONCE, redirect_uri="r")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        path = request.url.path
        if path.endswith("/openid-configuration"):
            names = ("authorization", "token", "userinfo", "device_authorization")
            own: Json = {f"{name}_endpoint": f"https://acme.example/{name}" for name in names}
            own |= {"issuer": ISSUER, "jwks_uri": "https://acme.example/jwks"}
            return httpx.Response(200, json=own | self.metadata)
        if path == "/jwks":
            return httpx.Response(200, json={"keys": self.keys})
        if path == "/userinfo":
            if isinstance(self.userinfo, bytes):
                return httpx.Response(200, content=self.userinfo)
            return httpx.Response(200, json=self.userinfo)
        body = {"id_token": self.id_token, "access_token": "a", "error": "invalid_grant"}
        return httpx.Response(self.status, json=body)


@pytest.fixture
def acme() -> Acme:
    return Acme()


async def test_a_good_token_names_the_person(acme: Acme) -> None:
    person = await acme.sign_in()
    assert (person.subject, person.email, person.email_verified) == (
        "ada",
        "ada@acme.example",
        True,
    )
    sent = next(request for request in acme.calls if request.url.path == "/token")
    assert parse_qs(sent.content.decode())["code_verifier"] == ["v"]
    # RFC 6749, section 2.3.1: both parts are encoded before they are joined.
    basic = base64.b64decode(sent.headers["authorization"].removeprefix("Basic ")).decode()
    assert basic == "cratedig:a%20secret%3A%201"
    acme.keys = [ec_jwk()]
    signed = token(acme.claims(aud=[CLIENT]), EC, alg="ES256", kid="curve")
    assert (await acme.sign_in(signed)).subject == "ada"


BAD: dict[str, Callable[[Acme], str]] = {
    "wrong nonce": lambda a: token(a.claims(nonce="another")),
    "no nonce": lambda a: token(a.claims(nonce=None)),
    "other audience": lambda a: token(a.claims(aud="another client")),
    "audiences without us": lambda a: token(a.claims(aud=["a", "b"], azp=CLIENT)),
    "audiences without azp": lambda a: token(a.claims(aud=[CLIENT, "b"])),
    "another azp": lambda a: token(a.claims(azp="another client")),
    "no audience": lambda a: token(a.claims(aud=None)),
    "other issuer": lambda a: token(a.claims(iss="https://evil.example")),
    "issuer with a slash": lambda a: token(a.claims(iss=f"{ISSUER}/")),
    "expired": lambda a: token(a.claims(exp=int(a.clock.now().timestamp()) - 6)),
    "no expiry": lambda a: token(a.claims(exp=None)),
    "expiry as text": lambda a: token(a.claims(exp="9999999999")),
    "from the future": lambda a: token(a.claims(iat=int(a.clock.now().timestamp()) + 60)),
    "issued long ago": lambda a: token(a.claims(iat=int(a.clock.now().timestamp()) - 700)),
    "not yet valid": lambda a: token(a.claims(nbf=int(a.clock.now().timestamp()) + 60)),
    "no subject": lambda a: token(a.claims(sub=None)),
    "subject of another type": lambda a: token(a.claims(sub=7)),
    "unsigned": lambda a: f"{part({'alg': 'none'})}.{part(a.claims())}.",
    "unsigned with a signature": lambda a: token(a.claims(), alg="none"),
    "signature left out": lambda a: token(a.claims()).rpartition(".")[0] + ".AA",
    "signed by another": lambda a: token(a.claims(), OTHER),
    "unknown key": lambda a: token(a.claims(), OTHER, kid="two"),
    "shared secret": lambda a: with_shared_secret(a.claims()),
    "key in its header": lambda a: token(a.claims(), OTHER, jwk=rsa_jwk(OTHER)),
    "key at an address": lambda a: token(a.claims(), OTHER, jku="https://evil.example/keys"),
    "critical header": lambda a: token(a.claims(), crit=["b64"], b64=False),
    "an access token": lambda a: token(a.claims(), typ="at+jwt"),
    "a logout token": lambda a: token(a.claims(), typ="logout+jwt"),
    "changed claims": lambda a: ".".join(
        (
            token(a.claims()).split(".")[0],
            part(a.claims(sub="grace")),
            token(a.claims()).split(".")[2],
        )
    ),
    "nonsense": lambda _: "nonsense",
    "too long": lambda a: token(a.claims(pad="x" * 20_000)),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_token_signs_nobody_in(acme: Acme, name: str) -> None:
    with pytest.raises(BadToken):
        await acme.sign_in(BAD[name](acme))


async def test_a_key_must_fit_the_token(acme: Acme) -> None:
    for keys in (
        [rsa_jwk(RSA, use="enc")],
        [rsa_jwk(RSA, alg="RS512")],
        [ec_jwk(kid="one")],
        [],
    ):
        acme.keys = keys
        with pytest.raises(BadToken):
            await acme.sign_in()
    acme.keys = [rsa_jwk(SHORT)]
    with pytest.raises(BadToken):
        await acme.sign_in(token(acme.claims(), SHORT))
    # Without a name only one key may be meant.
    nameless = token(acme.claims(), RSA, kid=None)
    acme.keys = [rsa_jwk(RSA), rsa_jwk(OTHER, kid="two")]
    with pytest.raises(BadToken, match="several keys"):
        await acme.sign_in(nameless)


async def test_keys_are_cached_and_rotate(acme: Acme) -> None:
    provider = acme.provider()

    async def sign_in(signed: str) -> None:
        acme.id_token = signed
        await provider.exchange("code", verifier="v", nonce=NONCE, redirect_uri="r")

    acme.clock.hold()
    for _ in range(3):
        await sign_in(token(acme.claims()))
    assert acme.count("/jwks") == 1
    # Tokens with invented key names cause one fetch in 30 s.
    for n in range(5):
        with pytest.raises(BadToken):
            await sign_in(token(acme.claims(), OTHER, kid=f"invented {n}"))
    assert acme.count("/jwks") == 1
    acme.keys = [rsa_jwk(OTHER, kid="two")]
    acme.clock.advance(31)
    await sign_in(token(acme.claims(), OTHER, kid="two"))
    assert acme.count("/jwks") == 2
    # The old key was withdrawn.
    with pytest.raises(BadToken):
        await sign_in(token(acme.claims()))


async def test_discovery_must_be_about_the_issuer(acme: Acme) -> None:
    for wrong in (
        {"issuer": "https://evil.example"},
        {"issuer": f"{ISSUER}/"},
        {"token_endpoint": "http://acme.example/token"},
        {"jwks_uri": "http://127.0.0.1/jwks"},
        {"token_endpoint": 7},
    ):
        acme.metadata = wrong
        with pytest.raises(ProviderUnavailable):
            await acme.sign_in()
        assert not acme.count("/token")


async def test_user_info_must_be_about_the_same_person(acme: Acme) -> None:
    without = token(acme.claims(email=None, email_verified=None))
    acme.userinfo = {"sub": "grace", "email": "grace@acme.example", "email_verified": True}
    with pytest.raises(BadToken, match="another person"):
        await acme.sign_in(without)
    acme.userinfo = {"sub": "ada", "email": "ada@acme.example", "email_verified": "true"}
    person = await acme.sign_in(without)
    assert (person.email, person.email_verified) == ("ada@acme.example", False)
    # What is signed counts more.
    acme.userinfo = {"sub": "ada", "email": "x@acme.example", "groups": ["admins", 7]}
    person = await acme.sign_in(groups={"admins": ("admin",)})
    assert (person.email, person.groups) == ("ada@acme.example", {"admins"})
    for odd in ("no address", "a@b c", 7, "a@b\x00"):
        acme.userinfo = {"sub": "ada", "email": odd}
        assert (await acme.sign_in(without)).email == ""


async def test_answers_are_bounded(acme: Acme) -> None:
    without = token(acme.claims(email=None))
    for odd in (b"{" + b" " * 600_000 + b"}", b"[]", b"nonsense", b'{"sub": 1, "sub": 2}'):
        acme.userinfo = odd
        with pytest.raises(ProviderUnavailable):
            await acme.sign_in(without)


async def test_a_refusal_and_a_failure_differ(acme: Acme) -> None:
    acme.status = 400
    with pytest.raises(ProviderRefused, match="invalid_grant"):
        await acme.sign_in()
    for status in (302, 404, 500):
        acme.status = status
        with pytest.raises(ProviderUnavailable):
            await acme.sign_in()


async def test_a_cached_discovery_document_outlives_an_outage(acme: Acme) -> None:
    provider = acme.provider()
    await provider.metadata()
    acme.clock.advance(3_601)
    acme.metadata = {"issuer": "https://evil.example"}
    assert (await provider.metadata()).issuer == ISSUER


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://acme.example"},
        {"issuer": "https://u@acme.example"},
        {"issuer": "https://acme.example?x=1"},
        {"id": "Acme"},
        {"id": "../x"},
        {"scopes": ("email",)},
        {"groups": {"all": ("everything",)}},
        {"secret": "misspelt"},
    ],
)
def test_wrong_settings_are_refused(wrong: Json) -> None:
    own: Json = {"id": "acme", "name": "Acme", "issuer": ISSUER, "client_id": CLIENT}
    with pytest.raises(ValidationError):
        ProviderSettings(**own | wrong)
