"""Limits at the edge, before anything is parsed (S13), and what every answer carries (S26)."""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from math import isfinite
from typing import Any

from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.music import Seconds
from contracts.problems import ProblemCode
from kit.http.errors import ProblemError, problem_response
from kit.http.health import HEALTH
from kit.observability.tracing import continue_trace, current_trace_id

MAX_BODY = 1 << 20
"""Bytes of a JSON body."""
BODY_WITHIN: Seconds = 30.0
"""How long a body of JSON may be on its way."""
MAX_HEADERS = 16 << 10
"""Bytes of all headers."""
MAX_FIELDS = 100
"""Header fields."""
MAX_DEPTH = 32
"""Nesting of a JSON body."""
MAX_INTEGER = 1 << 63
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
REQUESTS = Histogram(
    "http_request_duration_seconds",
    "From a request's arrival to the first byte of its answer.",
    ("method", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PORT = re.compile(r":\d*$")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Edge:
    """Refuses what is too large, too deep or holds what no database takes.

    Parameters
    ----------
    app
        What is behind the edge.
    hosts
        Names by which this service may be called; empty is any (S14).
    streamed
        Path prefixes whose bodies are not read here, because they are bytes on their way.
    body_within
        How long any other body may be on its way.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str] = (),
        streamed: Sequence[str] = (),
        body_within: Seconds = BODY_WITHIN,
    ) -> None:
        self._app = app
        self._body_within = body_within
        self._hosts = frozenset(host.lower() for host in hosts)
        self._streamed = tuple(streamed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        continue_trace(headers.get("traceparent"))
        answer = _with_headers(send, current_trace_id(), method=scope["method"])
        try:
            self._check_head(scope, headers)
            if not (self._streamed and scope["path"].startswith(self._streamed)):
                async with asyncio.timeout(self._body_within):
                    receive = await _checked_body(headers, receive)
        except ProblemError as refusal:
            await problem_response(refusal)(scope, receive, answer)
            return
        except TimeoutError:
            late = ProblemError(
                ProblemCode.TOO_SLOW,
                f"The body did not come within {self._body_within:g} s; send it again.",
            )
            await problem_response(late)(scope, receive, answer)
            return
        except ClientDisconnect:
            return
        await self._app(scope, receive, answer)

    def _check_head(self, scope: Scope, headers: Headers) -> None:
        raw = scope["headers"]
        if len(raw) > MAX_FIELDS or sum(len(k) + len(v) for k, v in raw) > MAX_HEADERS:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                f"The headers are too large: {MAX_FIELDS} fields and {MAX_HEADERS >> 10} KiB "
                "are taken.",
            )
        host = _PORT.sub("", headers.get("host", "")).lower()
        # What checks the health of a process calls it by its address of the day.
        if self._hosts and host not in self._hosts and scope["path"] not in HEALTH:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST, "This service is not called by this name."
            )
        path = scope["path"] + scope.get("query_string", b"").decode("latin-1")
        if "\x00" in path or "%00" in path or _SURROGATE.search(path):
            raise ProblemError(
                ProblemCode.INVALID_REQUEST, "The address holds characters that no name has."
            )


async def _checked_body(headers: Headers, receive: Receive) -> Receive:
    """Read the body, counting as it comes, check it, and return a receive that replays it."""
    declared = headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > MAX_BODY:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large()
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    body = b"".join(chunks)
    if body and "json" in headers.get("content-type", "application/json"):
        _check_json(body)
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _too_large() -> ProblemError:
    return ProblemError(ProblemCode.TOO_LARGE, f"A body has at most {MAX_BODY >> 20} MiB.")


def _check_json(body: bytes) -> None:
    """Refuse what would fail later, deeper and worse."""
    try:
        value = json.loads(
            body, parse_constant=_no_constant, parse_int=_small_integer, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        detail = "The body is not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
        raise ProblemError(ProblemCode.INVALID_REQUEST, f"{detail[:200]}.") from None
    _check_value(value, 1)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _small_integer(text: str) -> int:
    if len(text) > 20 or not -MAX_INTEGER <= int(text) < MAX_INTEGER:
        raise ValueError("a number in the body is out of range")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError("a number in the body is out of range")
    return value


def _check_value(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ProblemError(
            ProblemCode.INVALID_REQUEST, f"The body is nested deeper than {MAX_DEPTH} levels."
        )
    if isinstance(value, dict):
        for key, one in value.items():
            _check_value(key, depth + 1)
            _check_value(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _check_value(one, depth + 1)
    elif isinstance(value, str) and ("\x00" in value or _SURROGATE.search(value)):
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            "A text in the body holds NUL or half of a character; leave it out.",
        )


def _with_headers(send: Send, trace: str, *, method: str) -> Send:
    began = time.perf_counter()

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            known = method if method in _METHODS else "other"
            duration = REQUESTS.labels(method=known, status=str(message["status"]))
            duration.observe(time.perf_counter() - began)
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            headers["X-Request-Id"] = trace
            headers.setdefault("Content-Security-Policy", "default-src 'none'")
        await send(message)

    return answer
