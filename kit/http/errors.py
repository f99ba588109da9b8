"""Every refusal as `application/problem+json` (RFC 9457), and nothing leaked (S23)."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.base import PATTERN_MESSAGES
from contracts.problems import FieldProblem, Problem, ProblemCode
from kit.observability.tracing import current_trace_id
from kit.unavailable import DependencyUnavailable, StorageFull

log = logging.getLogger(__name__)

TITLES = {
    ProblemCode.INVALID_REQUEST: "The request is not valid",
    ProblemCode.INVALID_PARAMETERS: "The task's parameters are not valid",
    ProblemCode.UNAUTHENTICATED: "Log in first",
    ProblemCode.TOKEN_EXPIRED: "The token has ended",
    ProblemCode.WRONG_CREDENTIALS: "Wrong address or password",
    ProblemCode.FORBIDDEN: "Not allowed",
    ProblemCode.NOT_FOUND: "There is no such thing",
    ProblemCode.METHOD_NOT_ALLOWED: "Not done this way",
    ProblemCode.CONFLICT: "It does not fit what is there",
    ProblemCode.IN_FLIGHT: "The first request is under way",
    ProblemCode.ALREADY_EXISTS: "It is there already",
    ProblemCode.WRONG_STATE: "Not in this state",
    ProblemCode.GONE: "It is gone",
    ProblemCode.TOO_SLOW: "Too slow",
    ProblemCode.TOO_LARGE: "Too large",
    ProblemCode.QUOTA_EXCEEDED: "No more may be stored",
    ProblemCode.RANGE_NOT_SATISFIABLE: "There is no such range",
    ProblemCode.KEY_REUSED: "The Idempotency-Key was used for something else",
    ProblemCode.QUARANTINED: "This file is in quarantine",
    ProblemCode.TOO_MANY_REQUESTS: "Too many requests",
    ProblemCode.INTERNAL: "A fault of ours",
    ProblemCode.UPSTREAM_FAILED: "A service behind this one failed",
    ProblemCode.UNAVAILABLE: "Not available now",
    ProblemCode.STORE_FULL: "The storage is full",
}
_BY_STATUS = {
    400: ProblemCode.INVALID_REQUEST,
    401: ProblemCode.UNAUTHENTICATED,
    403: ProblemCode.FORBIDDEN,
    404: ProblemCode.NOT_FOUND,
    405: ProblemCode.METHOD_NOT_ALLOWED,
    409: ProblemCode.CONFLICT,
    410: ProblemCode.GONE,
    408: ProblemCode.TOO_SLOW,
    413: ProblemCode.TOO_LARGE,
    416: ProblemCode.RANGE_NOT_SATISFIABLE,
    422: ProblemCode.INVALID_REQUEST,
    429: ProblemCode.TOO_MANY_REQUESTS,
    503: ProblemCode.UNAVAILABLE,
}
NOT_FOUND = "There is no such thing, or it is not yours."
MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """A refusal, raised anywhere below a route.

    Parameters
    ----------
    code
        What went wrong, for programs.
    detail
        What was wrong and what to do, for a person.
    fields
        The fields that were wrong.
    retry_after
        Seconds after which the same request may succeed.
    """

    def __init__(
        self,
        code: ProblemCode,
        detail: str,
        *,
        fields: Sequence[FieldProblem] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.fields = tuple(fields)
        self.retry_after = retry_after


def not_found() -> ProblemError:
    """Return the one answer to what is unknown and to what is somebody else's (S8)."""
    return ProblemError(ProblemCode.NOT_FOUND, NOT_FOUND)


def store_full() -> ProblemError:
    """Return the answer where the disk that holds the files has no room left."""
    return ProblemError(
        ProblemCode.STORE_FULL,
        "The storage of this server is full, so nothing was stored. Delete what you do not need, "
        "or ask whoever runs the server to make room; then try again.",
        retry_after=60,
    )


def problem_response(error: ProblemError) -> Response:
    """Return the answer that a refusal becomes."""
    code = error.code
    problem = Problem(
        type=f"urn:cratedig:problem:{code}",
        title=TITLES[code],
        status=code.status,
        detail=error.detail,
        code=code,
        retryable=code.retryable,
        trace=current_trace_id(),
        fields=error.fields,
    )
    headers = {"Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, error.retry_after))
    if code.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    content = problem.model_dump_json().encode()
    return Response(content, code.status, headers, MEDIA_TYPE)


def field_problems(error: ValidationError | RequestValidationError) -> tuple[FieldProblem, ...]:
    """Return what a validation found, without the values that were sent."""
    return tuple(
        FieldProblem(field=_path(one["loc"]) or "body", message=_printable(_words(one)))
        for one in _telling(error.errors())[:50]
    )


def _telling(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out that a list is too short where that only follows from what is wrong inside it."""
    inside = {one["loc"][:depth] for one in found for depth in range(len(one["loc"]))}
    return [one for one in found if one["type"] != "too_short" or one["loc"] not in inside]


def _path(parts: Sequence[int | str]) -> str:
    """Return where a value stands, without a validator's own names, such as `(spec)` or `[key]`."""
    return ".".join(_printable(part) for part in map(str, parts) if not part.endswith((")", "]")))


def _words(found: Mapping[str, Any]) -> str:
    """Return what was wrong with a value in words of people, as far as a library's are not."""
    bounds = found.get("ctx", {})
    match found["type"]:
        case "missing":
            return "this is missing"
        case "extra_forbidden":
            return "this field is not known; leave it out, or check how it is spelled"
        case "string_pattern_mismatch":
            return PATTERN_MESSAGES.get(bounds["pattern"], "this text does not have the right form")
        case "literal_error" | "enum":
            return f"use {bounds['expected']}"
        case "too_short":
            return f"give {bounds['min_length']} or more"
        case "too_long":
            return f"give {bounds['max_length']} at most"
        case "tuple_type" | "list_type" | "set_type" | "frozen_set_type":
            return "this is not a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "this is not an object"
        case "union_tag_invalid" | "union_tag_not_found":
            return "this has no form that is known here"
    return str(found["msg"]).removeprefix("Value error, ").replace("Input should", "This should")


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")[:300]


def install_handlers(app: FastAPI) -> None:
    """Make every refusal of an application a problem."""

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return problem_response(error)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(
            ProblemError(
                ProblemCode.INVALID_REQUEST,
                "A part of the request is missing, malformed or out of range; see `fields`.",
                fields=field_problems(error),
            )
        )

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _BY_STATUS.get(error.status_code, ProblemCode.INVALID_REQUEST)
        detail = {
            ProblemCode.NOT_FOUND: NOT_FOUND,
            ProblemCode.METHOD_NOT_ALLOWED: "This address does not take this method.",
        }.get(code, TITLES[code] + ".")
        response = problem_response(ProblemError(code, detail))
        if allow := (error.headers or {}).get("Allow"):
            response.headers["Allow"] = allow
        return response

    async def on_unavailable(request: Request, error: Exception) -> Response:
        log.warning("something this service needs is away: %s", error)
        if isinstance(error, StorageFull):
            return problem_response(store_full())
        detail = "Something that this service needs is away; try again in a moment."
        return problem_response(ProblemError(ProblemCode.UNAVAILABLE, detail, retry_after=2))

    async def on_gone(request: Request, error: Exception) -> Response:
        # Nobody is there to read it.
        return Response(status_code=400)

    async def on_fault(request: Request, error: Exception) -> Response:
        return _fault()

    app.add_exception_handler(Exception, on_fault)
    app.add_exception_handler(ClientDisconnect, on_gone)
    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(DependencyUnavailable, on_unavailable)


class ServerErrorMiddleware:
    """The outermost layer: a fault that nobody foresaw becomes a 500 that leaks nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = ended = False

        async def watched(message: Message) -> None:
            nonlocal begun, ended
            await send(message)
            begun = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            # The caller left before it had sent all: there is nobody to answer.
            raise
        except Exception:
            log.exception("a request met a fault that nobody foresaw")
            if not begun:
                await _fault()(scope, receive, send)
            elif not ended:
                # Breaking off is the only way left to say that something is missing.
                raise


def _fault() -> Response:
    detail = "Something broke here. Quote the trace when you report it."
    return problem_response(ProblemError(ProblemCode.INTERNAL, detail))
