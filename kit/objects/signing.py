"""Signed URLs, each for one key, one method and a limited time.

`Signer` signs and checks the URLs of the folder store; `presigned` signs URLs that S3 checks.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, urlencode

from kit.clock import Clock, SystemClock

MIN_SECRET: Final = 32
"""Minimum characters of a signing secret."""
MAX_LIFETIME: Final = timedelta(hours=24)


class BadSignature(Exception):
    """A URL has no valid signature or has expired; the text says which."""


class Signer:
    """Signs and checks URLs with one secret.

    Parameters
    ----------
    secret
        At least 32 characters; the same wherever URLs are signed and checked.
    clock
        Decides whether a URL has expired.
    """

    def __init__(self, secret: str, *, clock: Clock | None = None) -> None:
        if len(secret) < MIN_SECRET:
            raise ValueError(f"the signing secret must have {MIN_SECRET} characters or more")
        self._secret = secret.encode()
        self._clock = clock or SystemClock()

    def sign(self, method: str, path: str, *, claims: Mapping[str, str], lasting: timedelta) -> str:
        """Return a URL path with claims, expiry and a signature over these and the method.

        Raises `ValueError` unless `lasting` is above zero and at most `MAX_LIFETIME`.
        """
        if not timedelta(0) < lasting <= MAX_LIFETIME:
            raise ValueError(f"a signed URL must last more than 0 s and at most {MAX_LIFETIME}")
        expires = int(self._clock.now().timestamp() + lasting.total_seconds())
        signed = {**claims, "expires": str(expires)}
        signature = self._signature(method, path, signed)
        return f"{quote(path)}?{urlencode({**signed, 'signature': signature})}"

    def check(self, method: str, path: str, query: Mapping[str, str]) -> dict[str, str]:
        """Return the claims of a signed URL.

        Raises
        ------
        BadSignature
            The signature is not valid for this method, path and query, or the URL has expired.
        """
        claims = dict(query)
        signature = claims.pop("signature", "")
        expected = self._signature(method, path, claims)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise BadSignature("the signature of this URL is not valid")
        if int(claims.pop("expires")) < self._clock.now().timestamp():
            raise BadSignature("this URL has expired, request a new one")
        return claims

    def _signature(self, method: str, path: str, claims: Mapping[str, str]) -> str:
        text = "\n".join((method, path, urlencode(sorted(claims.items()))))
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def presigned(
    method: str,
    url: SplitResult,
    *,
    access_key: str,
    secret_key: str,
    region: str,
    headers: Mapping[str, str],
    at: datetime,
    lasting: timedelta,
) -> str:
    """Presign a URL for S3: AWS Signature Version 4 in the query, with an unsigned payload.

    The host and `headers` are signed: the store refuses a request whose headers differ.

    Parameters
    ----------
    url
        The address, its path percent-encoded.
    headers
        Headers that the request must have, names in lower case.
    at
        Time of signing, in UTC.
    lasting
        How long the URL is valid.
    """
    day, timestamp = at.strftime("%Y%m%d"), at.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{day}/{region}/s3/aws4_request"
    signed = dict(sorted({**headers, "host": url.netloc}.items()))
    names = ";".join(signed)
    claims = [
        *parse_qsl(url.query, keep_blank_values=True),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", f"{access_key}/{scope}"),
        ("X-Amz-Date", timestamp),
        ("X-Amz-Expires", str(int(lasting.total_seconds()))),
        ("X-Amz-SignedHeaders", names),
    ]
    query = urlencode(sorted(claims), quote_via=quote, safe="~")
    lines = [method, url.path, query, *(f"{k}:{v}" for k, v in signed.items()), "", names]
    canonical = "\n".join((*lines, "UNSIGNED-PAYLOAD"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return url._replace(query=f"{query}&X-Amz-Signature={signature}").geturl()
