"""Build requests, turn error responses into exceptions, and compute the backoff.

Both clients share this module; it does no input or output.
"""

import random
from typing import TypeVar
from urllib.parse import urljoin

import httpx

from cratedig.credentials import Credentials
from cratedig.errors import (
    APIConnectionError,
    AuthenticationError,
    CratedigError,
    RateLimitError,
    UnavailableError,
    class_of,
)
from cratedig.operations import Operation

T = TypeVar("T")

MAX_ATTEMPTS = 5
"""Maximum number of attempts for a repeatable operation."""
TRANSIENT = (RateLimitError, UnavailableError, APIConnectionError)
"""Errors after which another attempt can succeed."""
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
STREAM_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
"""The server writes to a live stream more often than this."""


def build_request(
    client: httpx.Client | httpx.AsyncClient,
    operation: Operation[T],
    credentials: Credentials,
    *,
    timeout: httpx.Timeout = TIMEOUT,
) -> httpx.Request:
    """Build the HTTP request of an operation.

    Raises
    ------
    AuthenticationError
        The operation needs credentials and there are none.
    """
    headers = dict(operation.headers)
    if not operation.anonymous:
        if not credentials.access_token:
            raise AuthenticationError(
                f"Not logged in at {credentials.url}. Run `cratedig login`, or set "
                "CRATEDIG_API_KEY to an API key."
            )
        headers["Authorization"] = f"Bearer {credentials.access_token}"
    return client.build_request(
        operation.method,
        absolute(credentials, operation.url),
        json=None if operation.body is None else dict(operation.body),
        params={name: value for name, value in operation.query.items() if value is not None},
        headers=headers,
        timeout=timeout,
    )


def absolute(credentials: Credentials, url: str) -> str:
    """Return the absolute URL of an API path or of a relative signed URL."""
    return urljoin(credentials.url.rstrip("/") + "/", url)


def origin(url: str) -> str:
    """Return the scheme and the host of a URL, because its path or query may hold a signature."""
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode()}"


def error_of(response: httpx.Response) -> CratedigError:
    """Return the error of a response, from the API or from a proxy in front of it."""
    status = response.status_code
    try:
        problem = response.json()
        code, detail = str(problem["code"]), str(problem["detail"])
        fields = [(str(f["field"]), str(f["message"])) for f in problem.get("fields", ())]
        trace = str(problem.get("trace", ""))
    except (ValueError, KeyError, TypeError):
        code, fields, trace = "unknown", [], ""
        detail = (
            f"{response.request.url.copy_with(query=None)} returned HTTP status {status} without "
            "an explanation. Check that this is the address of a Cratedig server."
        )
    if status == 401:
        error = AuthenticationError(detail)
        error.code, error.trace = code, trace
        return error
    after = response.headers.get("Retry-After", "")
    return class_of(status)(
        status,
        code,
        detail,
        fields=fields,
        retry_after=float(after) if after.isdigit() else None,
        trace=trace,
    )


def unreachable(url: str, error: Exception) -> APIConnectionError:
    """Return the error of a connection that failed or broke."""
    reason = str(error) or type(error).__name__
    return APIConnectionError(
        f"Cannot reach {url}: {reason}. Check the address and that the server is running."
    )


def backoff(attempt: int, error: Exception) -> float:
    """Return the seconds to wait before the next attempt: exponential, with full jitter."""
    after = getattr(error, "retry_after", None)
    if isinstance(after, float):
        return min(60.0, after + random.uniform(0, 0.5))
    return random.uniform(0, min(8.0, 0.3 * 2.0**attempt))


def token_expired(
    response: httpx.Response, operation: Operation[T], credentials: Credentials
) -> bool:
    """Return whether a new access token would help."""
    return (
        response.status_code == 401 and not operation.anonymous and bool(credentials.refresh_token)
    )
