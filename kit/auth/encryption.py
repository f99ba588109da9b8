"""Encrypt secrets for storage in a database."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class StoredSecrets:
    """Encrypts and decrypts secrets with Fernet: AES-128-CBC, authenticated by HMAC-SHA-256.

    Parameters
    ----------
    secret
        A random secret, from which HKDF-SHA-256 derives the key.
    purpose
        What the secrets are for; those of another purpose cannot be decrypted.
    """

    def __init__(self, secret: str, *, purpose: str) -> None:
        kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(kdf.derive(secret.encode())))

    def encrypt(self, plain: str) -> str:
        """Return a secret as text that can be stored."""
        return self._fernet.encrypt(plain.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Decrypt what `encrypt` returned.

        Raises
        ------
        ValueError
            It was encrypted with another secret, or for another purpose.
        """
        try:
            return self._fernet.decrypt(stored).decode()
        except InvalidToken:
            raise ValueError("encrypted with another secret") from None
