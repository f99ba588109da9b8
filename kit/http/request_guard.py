"""Limits at the edge, before anything is read (S13), and what every answer carries (S26)."""

import contextlib
import re
import time
from collections.abc import Sequence

from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.music import Seconds
from contracts.problems import ProblemCode
from kit.http.bodies import BODY_WITHIN, MAX_BODY, bounded, too_large
from kit.http.errors import ProblemError, problem_response
from kit.http.health import HEALTH
from kit.observability.tracing import continue_trace, current_trace_id

MAX_HEADERS = 16 << 10
"""Bytes of all headers."""
MAX_FIELDS = 100
"""Header fields."""
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


class RequestGuard:
    """Refuses heads that are too large or no heads of ours, and bounds bodies as they are read.

    Parameters
    ----------
    app
        What is behind the edge.
    hosts
        Names by which this service may be called; empty is any (S14).
    streamed
        Path prefixes whose bodies are not bounded here, because they are files on their way.
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
        # What checks the health of a process calls it by its address of the day.
        if self._hosts and host not in self._hosts and scope["path"] not in HEALTH:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                "This service does not answer to this host name; check the address.",
            )
        declared = headers.get("content-length", "0")
        if not self._streams(scope) and not (declared.isdecimal() and int(declared) <= MAX_BODY):
            raise too_large(MAX_BODY)
        path = scope["path"] + scope.get("query_string", b"").decode("latin-1")
        if "\x00" in path or "%00" in path or _SURROGATE.search(path):
            raise ProblemError(
                ProblemCode.INVALID_REQUEST, "The address holds characters that no name has."
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
