"""The way to the library: what is told, what is not, and what happens when it does not answer."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.identity import Audience
from gateway.limits import Limits
from gateway.settings import GatewaySettings
from gateway.upstream import Upstream, UpstreamRouter
from kit.auth.reader import HttpKeys, TokenReader
from kit.http.remote import UpstreamUnavailable
from tests.gateway.gateway_harness import GatewayHarness, open_gateway

Answer = Callable[[Request], Awaitable[Response]]


class Library:
    """Stands for the library: remembers what it was asked and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[Request, bytes]] = []
        self.answer: Answer = self.fine

    async def fine(self, request: Request) -> Response:
        return JSONResponse({"items": []}, headers={"X-Own": "kept", "Set-Cookie": "a=b"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.requests.append((request, await request.body()))
        await (await self.answer(request))(scope, receive, send)


async def test_a_request_arrives_unchanged_with_our_own_token(tmp_path: Path) -> None:
    library = Library()
    async with open_gateway(tmp_path, library=library) as harness:
        ada = await harness.sign_up()
        head = ada.head | {
            "Content-Type": "application/json",
            "Idempotency-Key": "k1",
            "Connection": "X-Secret",
            "X-Secret": "1",
            "Cookie": "a=b",
            "X-Forwarded-For": "203.0.113.1",
            "TE": "trailers",
            "Proxy-Authorization": "Basic x",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        }
        query = "q=a%20b&kind=track&kind=stem&x=%2F..%2F&plus=a+b"
        answer = await harness.client.post(f"/v1/jobs?{query}", content=b'{"a": 1}', headers=head)
        assert answer.status_code == 200
        assert answer.json() == {"items": []}
        ((request, body),) = library.requests
        assert request.method == "POST"
        assert request.scope["path"] == "/v1/jobs"
        assert request.scope["query_string"] == query.encode()
        assert body == b'{"a": 1}'
        assert request.headers["idempotency-key"] == "k1"
        assert request.headers["traceparent"].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
        for name in ("x-secret", "cookie", "x-forwarded-for", "te", "proxy-authorization"):
            assert name not in request.headers
        token = request.headers["authorization"].removeprefix("Bearer ")
        assert token != ada.access
        reader = TokenReader(
            HttpKeys(harness.client), audience=Audience.LIBRARY, clock=harness.clock
        )
        who = await reader.read(token)
        assert (who.user, who.owner) == (ada.id, ada.id)
        assert 0 < (who.expires - harness.clock.now()).total_seconds() <= 60
        # What the library says of one connection ends there; the rest is the caller's.
        assert answer.headers["x-own"] == "kept"
        assert "set-cookie" not in answer.headers


async def test_the_librarys_token_never_has_less_than_half_its_minute(tmp_path: Path) -> None:
    library = Library()
    async with open_gateway(tmp_path, library=library) as harness:
        ada = await harness.sign_up()
        reader = TokenReader(
            HttpKeys(harness.client), audience=Audience.LIBRARY, clock=harness.clock
        )
        seen = set()
        for _ in range(12):
            await harness.client.get("/v1/items", headers=ada.head)
            token = library.requests[-1][0].headers["authorization"].removeprefix("Bearer ")
            who = await reader.read(token)
            assert (who.expires - harness.clock.now()).total_seconds() >= 28
            seen.add(token)
            harness.clock.advance(10)
        assert 3 <= len(seen) <= 6


@pytest.mark.parametrize(
    "path",
    [
        "/v1/items/../internal/claims",
        "/v1/items/%2e%2e/internal",
        "/v1/items/..%2finternal",
        "/v1/items/%2Fetc",
        "/v1/items/a%5cb",
        "/v1/items/a\\b",
        "/v1//items",
        "/v1/./items",
        "/v1/items/",
        "/v1/",
        "/v1/items//x",
        "/v1/items/%252e%252e/x",
    ],
)
async def test_paths_that_might_mean_something_else(tmp_path: Path, path: str) -> None:
    library = Library()
    async with open_gateway(tmp_path, library=library) as harness:
        ada = await harness.sign_up()
        # The client would tidy the path up, so the request is made by hand.
        status = await raw_get(harness.gateway.public, path, ada.head)
        if status == 200:
            (path_sent,) = [request.scope["path"] for request, _ in library.requests]
            assert ".." not in path_sent.split("/")
            assert path_sent == "/v1/items/%2e%2e/x", "only a name that is plainly a name goes on"
        else:
            assert status == 404
            assert library.requests == []


async def raw_get(app: ASGIApp, path: str, head: dict[str, str]) -> int:
    """Ask for a path exactly as it is written, as a server hands it on, and return the status."""
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    request_headers = {"host": "localhost", **head}
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (name.lower().encode(), value.encode()) for name, value in request_headers.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return status


async def test_names_in_paths_keep_what_they_say(tmp_path: Path) -> None:
    library = Library()
    names = ["caf\u00e9", "a b", "a%b", "a?b", "a#b", "a;b=c", "a%2fb"]
    async with open_gateway(tmp_path, library=library) as harness:
        ada = await harness.sign_up()
        for name in names:
            path = f"/v1/pipelines/{quote(name, safe='')}"
            answer = await harness.client.get(path, headers=ada.head)
            assert answer.status_code == 200, name
    assert [request.scope["path"].rsplit("/", 1)[1] for request, _ in library.requests] == names


async def test_bodies_come_through_whole(tmp_path: Path) -> None:
    library = Library()

    async def large(request: Request) -> Response:
        async def chunks() -> Any:
            for number in range(64):
                yield bytes([number]) * 65_536

        return StreamingResponse(chunks(), media_type="application/octet-stream")

    library.answer = large
    async with open_gateway(tmp_path, library=library) as harness:
        ada = await harness.sign_up()
        answer = await harness.client.get("/v1/items", headers=ada.head)
        assert answer.content == b"".join(bytes([n]) * 65_536 for n in range(64))
        body = b'{"a": "' + b"x" * ((1 << 20) - 9) + b'"}'
        head = ada.head | {"Content-Type": "application/json"}
        await harness.client.post("/v1/jobs", content=body, headers=head)
        assert library.requests[-1][1] == body
        too_large = await harness.client.post("/v1/jobs", content=body + b" ", headers=head)
        assert too_large.status_code == 413
        assert len(library.requests) == 2


async def test_refusals_of_the_library_pass(tmp_path: Path) -> None:
    library = Library()
    async with open_gateway(tmp_path, library=library) as harness:
        ada = await harness.sign_up()

        async def refuse(request: Request) -> Response:
            body = {"code": "conflict"}
            return JSONResponse(body, 409, {"Retry-After": "7"}, "application/problem+json")

        library.answer = refuse
        answer = await harness.client.get("/v1/items", headers=ada.head)
        assert (answer.status_code, answer.json()) == (409, {"code": "conflict"})
        assert answer.headers["Retry-After"] == "7"


async def test_faults_of_the_library_are_a_502_that_leaks_nothing(tmp_path: Path) -> None:
    library = Library()
    async with open_gateway(tmp_path, library=library) as harness:
        ada = await harness.sign_up()

        async def boom(request: Request) -> Response:
            raise RuntimeError("postgresql://secret")

        async def plain(request: Request) -> Response:
            return Response("Traceback: postgresql://secret", 500)

        async def stranger(request: Request) -> Response:
            return Response("who are you", 401)

        for answering in (boom, plain, stranger):
            library.answer = answering
            answer = await harness.client.get("/v1/items", headers=ada.head)
            assert answer.status_code == 502
            problem = answer.json()
            assert (problem["code"], problem["retryable"]) == ("upstream_failed", True)
            assert "secret" not in answer.text
            assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(("sent", "status"), [(False, 503), (True, 502)])
async def test_an_unavailable_library(tmp_path: Path, sent: bool, status: int) -> None:
    async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nobody gets here")

    class Gone:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise UpstreamUnavailable("gone", sent=sent)

        async def aclose(self) -> None:
            raise AssertionError("it is not ours")

    async with open_gateway(tmp_path, library=nobody) as harness:
        ada = await harness.sign_up()
        gateway = harness.gateway
        limits = Limits(GatewaySettings(), harness.clock)
        upstream = Upstream(Gone(), harness.client, gateway.authenticator, gateway.audit, limits)
        transport = httpx.ASGITransport(UpstreamRouter(harness.gateway.public, upstream))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get("/v1/items", headers=ada.head)
        assert answer.status_code == status
        assert answer.json()["retryable"] is True
        assert int(answer.headers["Retry-After"]) >= 1
        # What the gateway answers itself it still answers.
        assert (await harness.client.get("/v1/account", headers=ada.head)).status_code == 200


async def test_an_answer_that_breaks_off_is_broken_off(tmp_path: Path) -> None:
    library = Library()

    async def breaking(request: Request) -> Response:
        async def chunks() -> Any:
            yield b"some"
            raise RuntimeError("postgresql://secret")

        return StreamingResponse(chunks())

    library.answer = breaking
    async with open_gateway(tmp_path, library=library) as harness:
        ada = await harness.sign_up()
        transport = httpx.ASGITransport(harness.gateway.public)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            with pytest.raises(ConnectionResetError):
                await client.get("/v1/items", headers=ada.head)


async def test_too_many_requests_get_429_with_retry_after(tmp_path: Path) -> None:
    library = Library()
    settings = {"requests_per_minute": 60}
    async with open_gateway(tmp_path, library=library, settings=settings) as harness:
        ada, bob = await harness.sign_up(), await harness.sign_up()
        harness.clock.hold()
        answers = [await harness.client.get("/v1/items", headers=ada.head) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 6 + [429] * 2
        late = answers[-1]
        assert late.json()["code"] == "too_many_requests"
        assert (await harness.client.get("/v1/items", headers=bob.head)).status_code == 200
        harness.clock.advance(float(late.headers["Retry-After"]))
        assert (await harness.client.get("/v1/items", headers=ada.head)).status_code == 200


async def test_a_real_item_through_the_real_library(harness: GatewayHarness) -> None:
    ada, bob = await harness.sign_up(), await harness.sign_up()
    item = await harness.upload(ada, b"some bytes of hers")
    seen = await harness.client.get(f"/v1/items/{item}", headers=ada.head)
    assert seen.json()["id"] == item
    foreign = await harness.client.get(f"/v1/items/{item}", headers=bob.head)
    assert foreign.status_code == 404
    (original,) = (
        await harness.client.get(f"/v1/items/{item}/artifacts", headers=ada.head)
    ).json()["items"]
    signed = await harness.client.get(f"/v1/artifacts/{original['id']}/download", headers=ada.head)
    url = signed.json()["url"]
    part = await harness.client.get(url, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, b"bytes")
    assert part.headers["Content-Disposition"].startswith("attachment")
    assert (await harness.client.get(url.replace("signature=", "signature=0"))).status_code in (
        403,
        404,
    )
