"""The way to the library: catalogue routes are forwarded unchanged, with a token of our own."""

import logging
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.events import Feed
from contracts.identity import Principal
from contracts.problems import Problem, ProblemCode
from gateway.bearers import Bearers
from kit.auth.dependencies import authenticated
from kit.http.errors import MEDIA_TYPE, ProblemError, not_found, problem_response
from kit.observability.tracing import current_traceparent

log = logging.getLogger(__name__)

OWN = frozenset({"accounts", "account", "sessions", "keys", "events", "openapi.json"})
"""First parts of the paths below `/v1` that the gateway answers itself; the rest is forwarded."""
_ASKED = (
    "accept",
    "accept-language",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "range",
)
"""What of a request's head the library is told."""
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
"""What of an answer's head belongs to one connection only, or is not the library's to say."""
_HIDDEN = re.compile(rb"%(2f|5c|2e|00)|\\", re.IGNORECASE)
"""Ways to write `/`, `\\`, `.` and NUL that one program reads otherwise than the next."""


class Door:
    """Hands a request to the gateway's own application or on to the library."""

    def __init__(self, own: ASGIApp, upstream: "Upstream") -> None:
        self._own = own
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            parts = scope["path"].split("/", 3)
            if len(parts) > 2 and parts[1] == "v1" and parts[2] not in OWN:
                await self._upstream(scope, receive, send)
                return
        await self._own(scope, receive, send)


class Upstream:
    """Forwards requests to the library."""

    def __init__(self, client: httpx.AsyncClient, bearers: Bearers) -> None:
        self._client = client
        self._bearers = bearers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by the library's answer."""
        try:
            who = await self._caller(Headers(scope=scope))
            target = _target(scope)
        except ProblemError as refusal:
            await problem_response(refusal)(scope, receive, send)
            return
        request = self._client.build_request(
            scope["method"],
            target,
            headers=self._head(scope, who),
            content=await _body(receive),
        )
        try:
            answer = await self._send(request)
        except ProblemError as refusal:
            await problem_response(refusal)(scope, receive, send)
            return
        try:
            await _pass_on(answer, send)
        finally:
            await answer.aclose()

    async def feed(self, who: Principal, *, after: str | None, limit: int) -> Feed:
        """Return a piece of an owner's feed. Raises `ProblemError`."""
        query: dict[str, str | int] = {"limit": limit}
        if after is not None:
            query["after"] = after
        headers = {"authorization": f"Bearer {self._bearers.library_token(who)}"}
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
        """Return the library's own description of its routes. Raises `ProblemError`."""
        answer = await self._send(self._client.build_request("GET", "/openapi.json"))
        try:
            await answer.aread()
            found = answer.json()
            if answer.is_error or not isinstance(found, dict):
                raise ProblemError(
                    ProblemCode.UPSTREAM_FAILED, "The library does not describe itself."
                )
            return found
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

    async def _caller(self, headers: Headers) -> Principal:
        scheme, _, borne = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not borne.strip():
            raise ProblemError(
                ProblemCode.UNAUTHENTICATED,
                "Log in, or send an API key, as `Authorization: Bearer …`.",
            )
        return await authenticated(self._bearers.authenticate, borne.strip())

    def _head(self, scope: Scope, who: Principal) -> list[tuple[bytes, bytes]]:
        asked = Headers(scope=scope)
        head = [(name.encode(), asked[name].encode("latin-1")) for name in _ASKED if name in asked]
        head.append((b"authorization", f"Bearer {self._bearers.library_token(who)}".encode()))
        head.append((b"traceparent", current_traceparent().encode()))
        return head

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise _failed(error) from None
        except RuntimeError as error:
            # The client is being closed, or the library of this process is not built yet.
            raise _failed(error) from None
        kind = answer.headers.get("content-type", "")
        if answer.status_code == 401 or (
            answer.status_code >= 500 and not kind.startswith(MEDIA_TYPE)
        ):
            log.error("the library answered %s to %s", answer.status_code, request.url.path)
            await answer.aclose()
            raise ProblemError(
                ProblemCode.UPSTREAM_FAILED,
                "The library could not answer; try again in a moment.",
                retry_after=1,
            )
        return answer


def _failed(error: Exception) -> ProblemError:
    """Return what a caller is told when the library cannot be asked."""
    log.warning("the library cannot be reached: %s: %s", type(error).__name__, error)
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    code = ProblemCode.UNAVAILABLE if unsent else ProblemCode.UPSTREAM_FAILED
    return ProblemError(code, "The library does not answer; try again in a moment.", retry_after=2)


def _target(scope: Scope) -> httpx.URL:
    """Return path and query for the library, written in the one plain way.

    Raises
    ------
    ProblemError
        The path is written so that it might mean something else to somebody else.
    """
    raw = scope.get("raw_path") or scope["path"].encode()
    parts = scope["path"].split("/")[1:]
    if _HIDDEN.search(raw.split(b"?", 1)[0]) or any(part in ("", ".", "..") for part in parts):
        raise not_found()
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    query = scope.get("query_string", b"")
    return httpx.URL(path=path, query=query) if query else httpx.URL(path=path)


async def _body(receive: Receive) -> bytes:
    """Return the body, which the edge has read and bounded."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return b"".join(chunks)


async def _pass_on(answer: httpx.Response, send: Send) -> None:
    head = [(k.lower(), v) for k, v in answer.headers.raw if k.lower() not in _DROPPED]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": head})
    async for chunk in _bytes_of(answer):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _bytes_of(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.TransportError as error:
        # The head is sent: breaking off is the only way left to say that something is missing.
        raise ConnectionResetError(f"the library broke off: {error}") from error
