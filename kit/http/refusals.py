"""What a connection is answered that is refused before anything on it is a request."""

import secrets
from enum import Enum
from http import HTTPStatus

from contracts.problems import Problem, ProblemCode
from kit.http.errors import MEDIA_TYPE
from kit.http.request_guard import SECURITY

MAX_HEAD = 32 << 10
"""Bytes of a head, of trailers, or of chunk framing; up to 16 KiB more may pass."""


class Refusal(Enum):
    """Why a connection is refused: the status and the detail of the problem that it is sent."""

    MALFORMED = HTTPStatus.BAD_REQUEST, "This is not a request of HTTP/1.1."
    TUNNEL = HTTPStatus.BAD_REQUEST, "This server makes no tunnels."
    HOSTS = HTTPStatus.BAD_REQUEST, "A request needs exactly one Host header."
    SLOW = HTTPStatus.REQUEST_TIMEOUT, "The head of the request did not arrive in time."
    PIPELINED = HTTPStatus.TOO_MANY_REQUESTS, "Too many requests wait on this connection."
    TOO_LARGE = (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"The head of a request may have at most {MAX_HEAD >> 10} KiB.",
    )
    FULL = (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many connections are open, in all or from this address; try again in a moment.",
    )
    VERSION = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server speaks HTTP/1.1 and 1.0 only."

    def response(self) -> bytes:
        """Return the response as it is sent, with a trace of its own."""
        status, detail = self.value
        code = _CODES.get(self, ProblemCode.INVALID_REQUEST)
        problem = Problem(
            type=f"urn:cratedig:problem:{code}",
            title=status.phrase,
            status=status,
            detail=detail,
            code=code,
            retryable=code.retryable,
            trace=secrets.token_hex(16),
            fields=(),
        )
        body = problem.model_dump_json().encode()
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Cache-Control": "no-store",
            "X-Request-Id": problem.trace,
            **({"Retry-After": "5"} if self is Refusal.FULL else {}),
            **SECURITY,
        }
        lines = [f"HTTP/1.1 {status} {status.phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join((*lines, "", "")).encode() + body


_CODES = {
    Refusal.TOO_LARGE: ProblemCode.TOO_LARGE,
    Refusal.PIPELINED: ProblemCode.TOO_MANY_REQUESTS,
    Refusal.FULL: ProblemCode.UNAVAILABLE,
}


class RefusedError(Exception):
    """Raised in a callback of the parser, which stops it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal
