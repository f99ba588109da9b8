"""Forward requests for the catalogue to the library, with a token that the gateway signs."""

import logging
import re
from typing import Any
from urllib.parse import quote

import httpx
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.events import Feed
from contracts.identity import Principal
from contracts.problems import Problem, ProblemCode
from gateway.audit import AuditLog
from gateway.authenticator import Authenticator
from gateway.guests import admit, loggable, secret_of
from gateway.limits import Limits
from kit.auth.dependencies import authenticated
from kit.database.base import DatabaseUnavailable
from kit.http.errors import MEDIA_TYPE, ProblemError, not_found, problem_response
from kit.http.remote import Remote, UpstreamUnavailable
from kit.observability.tracing import current_traceparent

log = logging.getLogger(__name__)

OWN = frozenset(
    {
        *("accounts", "account", "sessions", "sign-in", "keys", "invitations", "events"),
        "openapi.json",
    }
)
"""First parts of the paths below `/v1` that the gateway answers itself; the rest is forwarded."""
OWN_ADMIN = frozenset({"accounts", "audit"})
"""The same for paths below `/v1/admin`."""
_FORWARDED = frozenset(
    {
        b"accept",
        b"accept-language",
        b"content-type",
        b"idempotency-key",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"range",
    }
)
"""Request headers that are forwarded to the library."""
_DROPPED = frozenset(
    {
        b"connection",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"server",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Response headers that are not passed on: they belong to one connection, or to the gateway."""
_HIDDEN = re.compile(rb"%(2f|5c|2e|00)|\\", re.IGNORECASE)
"""Encodings of `/`, `\\`, `.` and NUL that programs decode differently."""


class UpstreamRouter:
    """Routes each request to the gateway's own application or to the library."""

    def __init__(self, own: ASGIApp, upstream: "Upstream") -> None:
        self._own = own
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            parts = scope["path"].split("/", 4)
            if len(parts) > 2 and parts[1] == "v1" and not _is_own(parts[2:]):
                await self._upstream(scope, receive, send)
                return
        await self._own(scope, receive, send)


def _is_own(parts: list[str]) -> bool:
    """Return whether the gateway answers a path itself; `parts` are those below `/v1`."""
    return parts[0] in OWN or (parts[0] == "admin" and len(parts) > 1 and parts[1] in OWN_ADMIN)


class Upstream:
    """Forwards requests to the library."""

    def __init__(
        self,
        library: Remote,
        client: httpx.AsyncClient,
        authenticator: Authenticator,
        audit: AuditLog,
        limits: Limits,
    ) -> None:
        self._library = library
        self._client = client
        self._authenticator = authenticator
        self._audit = audit
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request and send the library's response."""
        try:
            who = await self._caller(scope)
            request = self._forwarded(scope, who)
            passing = _Passing(send, path=loggable(request["path"]))
            await self._library(request, receive, passing)
            if passing.refusal is not None:
                raise passing.refusal
            if passing.succeeded:
                await self._audit.record_forwarded(who, scope["method"], scope["path"])
        except UpstreamUnavailable as error:
            if passing.begun:
                # Headers are sent already, so only a reset can signal that the body is incomplete.
                raise ConnectionResetError(f"the library's response broke off: {error}") from error
            await problem_response(_failed(error, sent=error.sent))(scope, receive, send)
        except DatabaseUnavailable as error:
            # Raised by authentication, so no response has started.
            log.warning("authentication is unavailable: %s", error)
            await problem_response(_authentication_unavailable())(scope, receive, send)
        except ProblemError as refusal:
            await problem_response(refusal)(scope, receive, send)

    async def feed(self, who: Principal, *, after: str | None, limit: int) -> Feed:
        """Return a page of an owner's feed. Raises `ProblemError`."""
        query: dict[str, str | int] = {"limit": limit}
        if after is not None:
            query["after"] = after
        headers = {"authorization": f"Bearer {self._authenticator.library_token(who)}"}
        request = self._client.build_request("GET", "/v1/feed", params=query, headers=headers)
        answer = await self._send(request)
        try:
            await answer.aread()
            if answer.is_error:
                problem = Problem.model_validate_json(answer.content)
                raise ProblemError(problem.code, problem.detail, fields=problem.fields)
            return Feed.model_validate_json(answer.content)
        except (httpx.TransportError, ValueError) as error:
            raise _failed(error) from None
        finally:
            await answer.aclose()

    async def document(self) -> dict[str, Any]:
        """Return the library's OpenAPI document. Raises `ProblemError`."""
        answer = await self._send(self._client.build_request("GET", "/openapi.json"))
        try:
            await answer.aread()
            document = answer.json()
            if answer.is_error or not isinstance(document, dict):
                raise ProblemError(
                    ProblemCode.UPSTREAM_FAILED, "The library returned no OpenAPI document."
                )
            return document
        except (httpx.TransportError, ValueError) as error:
            raise _failed(error) from None
        finally:
            await answer.aclose()

    async def ready(self) -> bool:
        """Return whether the library is ready now."""
        try:
            return (await self._client.get("/readyz", timeout=3.0)).is_success
        except httpx.TransportError:
            return False

    async def _caller(self, scope: Scope) -> Principal:
        if (secret := secret_of(scope["path"])) is not None:
            return admit(self._limits, secret)
        scheme, _, credential = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            raise ProblemError(
                ProblemCode.UNAUTHENTICATED,
                "Log in, or send an API key, as `Authorization: Bearer …`.",
            )
        return await authenticated(self._authenticator.authenticate, credential.strip())

    def _forwarded(self, scope: Scope, who: Principal) -> Scope:
        """Return the ASGI scope of the request to the library."""
        token = self._authenticator.library_token(who)
        head = [(name, value) for name, value in scope["headers"] if name in _FORWARDED]
        head.append((b"authorization", b"Bearer " + token.encode()))
        head.append((b"traceparent", current_traceparent().encode()))
        return {
            "type": "http",
            "asgi": scope.get("asgi", {}),
            "http_version": "1.1",
            "method": scope["method"],
            "scheme": "http",
            "path": scope["path"],
            "raw_path": _plain_path(scope),
            "query_string": scope.get("query_string", b""),
            "root_path": "",
            "headers": head,
            "client": None,
            "server": None,
        }

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            unsent = httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout
            raise _failed(error, sent=not isinstance(error, unsent)) from None
        except RuntimeError as error:
            # The client is closed, or the library in this process is not built yet.
            raise _failed(error) from None
        kind = answer.headers.get("content-type", "").encode()
        if refusal := _refusal_of(answer.status_code, kind, request.url.path):
            await answer.aclose()
            raise refusal
        return answer


class _Passing:
    """Passes the library's response on, unless `_refusal_of` replaces it."""

    def __init__(self, send: Send, *, path: str) -> None:
        self._send = send
        self._path = path
        self.begun = False
        self.succeeded = False
        self.refusal: ProblemError | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            head = [(k, v) for k, v in message["headers"] if k not in _DROPPED]
            kind = next((v for k, v in head if k == b"content-type"), b"")
            self.refusal = _refusal_of(message["status"], kind, self._path)
            self.succeeded = message["status"] < 400
            message = {**message, "headers": head}
        if self.refusal is None:
            self.begun = True
            await self._send(message)


def _refusal_of(status: int, kind: bytes, path: str) -> ProblemError | None:
    """Return the error that replaces a response which is an internal error of the library."""
    if status != 401 and (status < 500 or kind.startswith(MEDIA_TYPE.encode())):
        return None
    log.error("the library answered %s to %s", status, path)
    return ProblemError(
        ProblemCode.UPSTREAM_FAILED,
        "The library failed on this request; try again in a moment.",
        retry_after=1,
    )


def _authentication_unavailable() -> ProblemError:
    """Return the error for a request while the database of accounts is unavailable."""
    return ProblemError(
        ProblemCode.UNAVAILABLE,
        "The database of accounts is unavailable; try again in a moment.",
        retry_after=2,
    )


def _failed(error: Exception, *, sent: bool = True) -> ProblemError:
    """Return the error for a request while the library is unreachable."""
    log.warning("the library is unreachable: %s: %s", type(error).__name__, error)
    code = ProblemCode.UPSTREAM_FAILED if sent else ProblemCode.UNAVAILABLE
    return ProblemError(code, "The library is unavailable; try again in a moment.", retry_after=2)


def _plain_path(scope: Scope) -> bytes:
    """Return the path for the library in normal form.

    Raises
    ------
    ProblemError
        The path contains an ambiguous encoding.
    """
    raw = scope.get("raw_path") or scope["path"].encode()
    parts = scope["path"].split("/")[1:]
    if _HIDDEN.search(raw.split(b"?", 1)[0]) or any(part in ("", ".", "..") for part in parts):
        raise not_found()
    return b"/" + "/".join(quote(part, safe="") for part in parts).encode()
