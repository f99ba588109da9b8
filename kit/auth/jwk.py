"""Signing keys in rotation (next, current, previous), and the JWK set that verifiers fetch (S3)."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

Jwk = dict[str, str]
"""A public key in the form of RFC 7517."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name and its period of use."""

    kid: str
    pem: str
    signs_from: datetime
    retires: datetime
    """When it stops being published: every token that it signed has expired by then."""

    def jwk(self) -> Jwk:
        """Return the public key."""
        private = serialization.load_pem_private_key(self.pem.encode(), password=None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        numbers = private.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": self.kid,
            "x": _coordinate(numbers.x),
            "y": _coordinate(numbers.y),
        }


def make_pem() -> str:
    """Return a new private key on P-256, as PEM."""
    return _to_pem(ec.generate_private_key(ec.SECP256R1()), serialization.NoEncryption())


def encrypt_pem(pem: str, secret: str) -> str:
    """Encrypt a private key with a secret, for storage."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _to_pem(key, serialization.BestAvailableEncryption(secret.encode()))


def decrypt_pem(pem: str, secret: str) -> str:
    """Decrypt a private key that `encrypt_pem` returned.

    Raises
    ------
    ValueError
        It was encrypted with another secret.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=secret.encode())
    except TypeError as error:
        raise ValueError(str(error)) from error
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _to_pem(key, serialization.NoEncryption())


def _to_pem(
    key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption
) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, encryption).decode()


def key_set(keys: tuple[SigningKey, ...], now: datetime) -> dict[str, Any]:
    """Return the public keys that are not retired, as a JWK set (RFC 7517)."""
    return {"keys": [key.jwk() for key in keys if key.retires > now]}


def signing_key(keys: tuple[SigningKey, ...], now: datetime) -> SigningKey:
    """Return the newest key whose period of use includes `now`.

    Raises
    ------
    LookupError
        There is none.
    """
    usable = [key for key in keys if key.signs_from <= now < key.retires]
    if not usable:
        raise LookupError("no signing key is usable now")
    return max(usable, key=lambda key: key.signs_from)


def _coordinate(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(32, "big")).decode().rstrip("=")
