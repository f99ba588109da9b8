"""Errors as `application/problem+json` (RFC 9457), without internal details (S23)."""

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
from contracts.problems import TITLES, FieldProblem, Problem, ProblemCode
from kit.observability.tracing import current_trace_id
from kit.unavailable import DependencyUnavailable, StorageFull

log = logging.getLogger(__name__)

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
NOT_FOUND = "Not found: nothing with this address or id belongs to this account."
MEDIA_TYPE = "application/problem+json"
PROBLEM_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
"""The content of a refusal, for OpenAPI. The gateway's document has the schema; a model in its
place would be compiled again for each status of each operation, at every start."""


class ProblemError(Exception):
    """An error for the caller, raised anywhere below a route.

    Parameters
    ----------
    code
        The kind of problem, for programs.
    detail
        The problem, its cause and what to do, for people.
    fields
        The invalid fields.
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
    """Return a 404, the same for resources that do not exist and those of another owner (S8)."""
    return ProblemError(ProblemCode.NOT_FOUND, NOT_FOUND)


def store_full() -> ProblemError:
    """Return the error for a full disk of the object store."""
    return ProblemError(
        ProblemCode.STORE_FULL,
        "The storage of this server is full, so nothing was stored. Delete what you do not need, "
        "or ask the server's operator to free space; then try again.",
        retry_after=60,
    )


def problem_response(error: ProblemError) -> Response:
    """Return the HTTP response for an error."""
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
    """Return the invalid fields of a validation error, without the values that were sent."""
    return tuple(
        FieldProblem(field=_path(item["loc"]) or "body", message=_printable(_message(item)))
        for item in _root_causes(error.errors())[:50]
    )


def _root_causes(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Drop `too_short` errors of a list whose elements have errors: they only follow from these."""
    inside = {error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))}
    return [e for e in errors if e["type"] != "too_short" or e["loc"] not in inside]


def _path(parts: Sequence[int | str]) -> str:
    """Return the path of a field, without pydantic's own parts, such as `(spec)` or `[key]`."""
    return ".".join(_printable(part) for part in map(str, parts) if not part.endswith((")", "]")))


def _message(error: Mapping[str, Any]) -> str:
    """Return a validation error in plain words, where pydantic's own message is not plain."""
    bounds = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "this field is required"
        case "extra_forbidden":
            return "unknown field; leave it out, or check its spelling"
        case "string_pattern_mismatch":
            return PATTERN_MESSAGES.get(
                bounds["pattern"], "this text does not match the required pattern"
            )
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
            return "unknown kind of object"
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should", "This should")


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")[:300]


def install_handlers(app: FastAPI) -> None:
    """Install handlers that turn every error of an application into a problem."""

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
            ProblemCode.METHOD_NOT_ALLOWED: "This address does not support this method.",
        }.get(code, TITLES[code] + ".")
        response = problem_response(ProblemError(code, detail))
        if allow := (error.headers or {}).get("Allow"):
            response.headers["Allow"] = allow
        return response

    async def on_unavailable(request: Request, error: Exception) -> Response:
        log.warning("a dependency is unavailable: %s", error)
        if isinstance(error, StorageFull):
            return problem_response(store_full())
        detail = (
            "A service or store that this server depends on is unavailable; try again in a moment."
        )
        return problem_response(ProblemError(ProblemCode.UNAVAILABLE, detail, retry_after=2))

    async def on_disconnect(request: Request, error: Exception) -> Response:
        # The client has disconnected, so nobody reads this.
        return Response(status_code=400)

    async def on_fault(request: Request, error: Exception) -> Response:
        return _internal_error()

    app.add_exception_handler(Exception, on_fault)
    app.add_exception_handler(ClientDisconnect, on_disconnect)
    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(DependencyUnavailable, on_unavailable)


class ServerErrorMiddleware:
    """Outermost layer: turns an unhandled exception into a 500 that leaks nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = finished = False

        async def watched(message: Message) -> None:
            nonlocal started, finished
            await send(message)
            started = True
            finished = message["type"] == "http.response.body" and not message.get(
                "more_body", False
            )

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            # The client disconnected before it had sent its whole body: nobody reads an answer.
            raise
        except Exception:
            log.exception("unhandled error in a request")
            if not started:
                await _internal_error()(scope, receive, send)
            elif not finished:
                # Part of the answer is sent: only a broken connection shows that it is incomplete.
                raise


def _internal_error() -> Response:
    detail = "The server failed to answer this request. Quote the trace when you report it."
    return problem_response(ProblemError(ProblemCode.INTERNAL, detail))
