"""Signing keys: next, current, previous, and the set of public ones that verifiers fetch (S3)."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

Jwk = dict[str, str]
"""A public key as RFC 7517 writes it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name and the times between which it signs."""

    kid: str
    pem: str
    signs_from: datetime
    retires: datetime
    """From then on it is not published any more: every token that it signed has ended."""

    def jwk(self) -> Jwk:
        """Return the public half."""
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
    """Return a new private key on P-256."""
    return _written(ec.generate_private_key(ec.SECP256R1()), serialization.NoEncryption())


def encrypt_pem(pem: str, secret: str) -> str:
    """Return a private key encrypted with a secret, to be stored."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _written(key, serialization.BestAvailableEncryption(secret.encode()))


def decrypt_pem(pem: str, secret: str) -> str:
    """Return a stored private key in the clear.

    Raises
    ------
    ValueError
        It was sealed with another secret.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=secret.encode())
    except TypeError as error:
        raise ValueError(str(error)) from error
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _written(key, serialization.NoEncryption())


def _written(
    key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption
) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, encryption).decode()


def key_set(keys: tuple[SigningKey, ...], now: datetime) -> dict[str, Any]:
    """Return the public keys that are not retired, as RFC 7517 writes a set."""
    return {"keys": [key.jwk() for key in keys if key.retires > now]}


def signing_key(keys: tuple[SigningKey, ...], now: datetime) -> SigningKey:
    """Return the newest key that may sign now.

    Raises
    ------
    LookupError
        None may.
    """
    may = [key for key in keys if key.signs_from <= now < key.retires]
    if not may:
        raise LookupError("no key may sign now")
    return max(may, key=lambda key: key.signs_from)


def _coordinate(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(32, "big")).decode().rstrip("=")
