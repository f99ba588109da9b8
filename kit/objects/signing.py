"""Signed URLs: one key, one verb, one end.

`Signer` is for stores that have no server of their own; `presigned` is what S3 stores check.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, urlencode

from kit.clock import Clock, SystemClock

SHORTEST_SECRET: Final = 32
LONGEST: Final = timedelta(hours=24)


class BadSignature(Exception):
    """A URL was not signed here, was changed, or has ended; the text says which."""


class Signer:
    """Signs and checks URLs with one secret.

    Parameters
    ----------
    secret
        At least 32 characters, shared by whoever signs and whoever checks.
    clock
        Tells when a URL has ended.
    """

    def __init__(self, secret: str, *, clock: Clock | None = None) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"the signing secret must have {SHORTEST_SECRET} characters or more")
        self._secret = secret.encode()
        self._clock = clock or SystemClock()

    def sign(self, method: str, path: str, *, claims: Mapping[str, str], lasting: timedelta) -> str:
        """Return a path with its claims, its end and a signature over all of it and the method."""
        if not timedelta(0) < lasting <= LONGEST:
            raise ValueError(f"a signed URL lasts more than nothing and at most {LONGEST}")
        end = int(self._clock.now().timestamp() + lasting.total_seconds())
        signed = {**claims, "expires": str(end)}
        signature = self._signature(method, path, signed)
        return f"{quote(path)}?{urlencode({**signed, 'signature': signature})}"

    def check(self, method: str, path: str, query: Mapping[str, str]) -> dict[str, str]:
        """Return the claims of a signed URL.

        Raises
        ------
        BadSignature
        """
        claims = dict(query)
        signature = claims.pop("signature", "")
        expected = self._signature(method, path, claims)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise BadSignature("the address was not signed here for this use")
        if int(claims.pop("expires")) < self._clock.now().timestamp():
            raise BadSignature("the address has ended: ask for a new one")
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
    """Return a URL that an S3 store takes from a request with exactly these headers.

    AWS Signature Version 4 in the query, with an unsigned payload. Beside the host, which is always
    signed, a store refuses a request whose signed headers differ from what is given here.

    Parameters
    ----------
    url
        The address, its path encoded as it is sent.
    headers
        Names in lower case.
    at
        When it was signed, in UTC.
    """
    day, moment = at.strftime("%Y%m%d"), at.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{day}/{region}/s3/aws4_request"
    signed = dict(sorted({**headers, "host": url.netloc}.items()))
    names = ";".join(signed)
    claims = [
        *parse_qsl(url.query, keep_blank_values=True),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", f"{access_key}/{scope}"),
        ("X-Amz-Date", moment),
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
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return url._replace(query=f"{query}&X-Amz-Signature={signature}").geturl()
