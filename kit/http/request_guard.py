"""Limits on request heads and bodies (S13), and headers that every response has (S26)."""

import contextlib
import re
import time
from collections.abc import Sequence

from opentelemetry.trace import Span, SpanKind
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.music import Seconds
from contracts.problems import ProblemCode
from kit.http.bodies import BODY_TIMEOUT, MAX_BODY, bounded, too_large
from kit.http.errors import ProblemError, problem_response
from kit.http.health import HEALTH
from kit.observability.tracing import continue_trace, current_trace_id

MAX_HEADERS = 16 << 10
"""Maximum bytes of all headers."""
MAX_FIELDS = 100
"""Maximum number of header fields."""
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
REQUESTS = Histogram(
    "http_request_duration_seconds",
    "From a request's arrival to the first byte of its response.",
    ("method", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FREQUENT = (*HEALTH, "/internal/")
"""Path prefixes of health checks, polls and heartbeats."""
_PORT = re.compile(r":\d*$")
_SURROGATE = re.compile("[\ud800-\udfff]")


class RequestGuard:
    """Refuses oversized or unsafe request heads, and limits bodies as they are read.

    Parameters
    ----------
    app
        The application to protect.
    hosts
        Allowed host names; empty allows any (S14).
    streamed
        Path prefixes whose bodies are files and are not limited here.
    body_within
        Maximum seconds for receiving any other body.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str] = (),
        streamed: Sequence[str] = (),
        body_within: Seconds = BODY_TIMEOUT,
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
        method = scope["method"] if scope["method"] in _METHODS else "other"
        with continue_trace(
            headers.get("traceparent"),
            method,
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method},
            recorded=not scope["path"].startswith(_FREQUENT),
        ) as span:
            await self._answer(scope, headers, receive, _with_headers(send, span, method=method))
            if route := getattr(scope.get("route"), "path", None):
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive, answer: Send) -> None:
        try:
            self._check_head(scope, headers)
        except ProblemError as refusal:
            await problem_response(refusal)(scope, receive, answer)
            return
        if not self._streams(scope):
            receive = bounded(receive, within=self._body_within)
        with contextlib.suppress(ClientDisconnect):
            await self._app(scope, receive, answer)

    def _streams(self, scope: Scope) -> bool:
        return bool(self._streamed) and scope["path"].startswith(self._streamed)

    def _check_head(self, scope: Scope, headers: Headers) -> None:
        raw = scope["headers"]
        if len(raw) > MAX_FIELDS or sum(len(k) + len(v) for k, v in raw) > MAX_HEADERS:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                f"The headers are too large: {MAX_FIELDS} fields and {MAX_HEADERS >> 10} KiB "
                "are allowed.",
            )
        host = _PORT.sub("", headers.get("host", "")).lower()
        # Health checks address a process by its IP, so they are exempt.
        if self._hosts and host not in self._hosts and scope["path"] not in HEALTH:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                "Unknown host name; check the address.",
            )
        declared = headers.get("content-length", "0")
        if not self._streams(scope) and not (declared.isdecimal() and int(declared) <= MAX_BODY):
            raise too_large(MAX_BODY)
        path = scope["path"] + scope.get("query_string", b"").decode("latin-1")
        if "\x00" in path or "%00" in path or _SURROGATE.search(path):
            raise ProblemError(
                ProblemCode.INVALID_REQUEST, "The address contains invalid characters."
            )


def _with_headers(send: Send, span: Span, *, method: str) -> Send:
    began = time.perf_counter()
    trace = current_trace_id()

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            duration = REQUESTS.labels(method=method, status=str(message["status"]))
            span.set_attribute("http.response.status_code", message["status"])
            duration.observe(time.perf_counter() - began)
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            headers["X-Request-Id"] = trace
            headers.setdefault("Content-Security-Policy", "default-src 'none'")
        await send(message)

    return answer
