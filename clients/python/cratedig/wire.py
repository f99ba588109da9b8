"""What both clients share: requests from calls, errors from answers, waiting between tries."""

import random
from typing import TypeVar
from urllib.parse import urljoin

import httpx

from cratedig.calls import Call
from cratedig.errors import Busy, CratedigError, Invalid, NotFound, NotLoggedIn, Refused
from cratedig.session import Credentials

T = TypeVar("T")

TRIES = 5
"""How often a repeatable call is sent before its error is raised."""
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
STREAM_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
"""A live stream says something at least this often."""


def request(
    client: httpx.Client | httpx.AsyncClient,
    call: Call[T],
    who: Credentials,
    *,
    timeout: httpx.Timeout = TIMEOUT,
) -> httpx.Request:
    """Return the request of a call.

    Raises
    ------
    NotLoggedIn
        The call needs credentials and there are none.
    """
    headers = dict(call.headers)
    if not call.anonymous:
        if not who.access_token:
            raise NotLoggedIn(
                f"not logged in at {who.url}: run `cratedig login` or set CRATEDIG_API_KEY"
            )
        headers["Authorization"] = f"Bearer {who.access_token}"
    body = None if call.body is None else dict(call.body)
    return client.build_request(
        call.method,
        absolute(who, call.path),
        json=body,
        params=dict(call.query),
        headers=headers,
        timeout=timeout,
    )


def absolute(who: Credentials, url: str) -> str:
    """Return an address of the API, or of a signed URL that is relative to it."""
    return urljoin(who.url.rstrip("/") + "/", url)


def failure(answer: httpx.Response) -> CratedigError:
    """Return the error that an answer stands for."""
    try:
        problem = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
        fields = [(str(f["field"]), str(f["message"])) for f in problem.get("fields", ())]
        trace = str(problem.get("trace", ""))
    except (ValueError, KeyError, TypeError):
        code, fields, trace = "unknown", [], ""
        detail = f"the house answered {answer.status_code}"
    if answer.status_code == 401:
        return NotLoggedIn(detail)
    after = answer.headers.get("Retry-After", "")
    kind = {404: NotFound, 422: Invalid, 429: Busy, 502: Busy, 503: Busy}.get(
        answer.status_code, Refused
    )
    return kind(
        code,
        detail,
        fields=fields,
        retry_after=float(after) if after.isdigit() else None,
        trace=trace,
    )


def pause(attempt: int, error: Exception) -> float:
    """Return how many seconds to wait before the next try."""
    if isinstance(error, Busy) and error.retry_after is not None:
        return min(60.0, error.retry_after + random.uniform(0, 0.5))
    return random.uniform(0, min(8.0, 0.3 * 2.0**attempt))


def expired(answer: httpx.Response, call: Call[T], who: Credentials) -> bool:
    """Return whether a fresh access token would help."""
    return answer.status_code == 401 and not call.anonymous and bool(who.refresh_token)
