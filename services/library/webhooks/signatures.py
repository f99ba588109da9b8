"""Signatures of webhooks as Standard Webhooks specifies them, version 1.0."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
"""What a secret begins with."""
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a new random secret: `whsec_` and 32 bytes in base64."""
    return PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def signed_headers(
    id_: str, body: bytes, *, secrets: Sequence[str], time: datetime
) -> dict[str, str]:
    """Return the headers that identify and sign a message.

    `webhook-signature` has one `v1,…` for each secret: HMAC-SHA-256 of `id.timestamp.body` in
    base64.

    Parameters
    ----------
    id_
        Identifies the message; the same in every attempt.
    secrets
        The secret that signs and, during a rotation, the one before it.
    time
        When the attempt starts.
    """
    timestamp = str(int(time.timestamp()))
    content = f"{id_}.{timestamp}.".encode() + body
    signatures = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix(PREFIX))
        digest = hmac.new(key, content, hashlib.sha256).digest()
        signatures.append(f"v1,{base64.b64encode(digest).decode()}")
    return {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
