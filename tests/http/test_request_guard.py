"""S13, S14, S23, S26: what the edge of every HTTP service refuses, and what its answers carry."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, Request
from prometheus_client import REGISTRY
from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from contracts.problems import Problem, ProblemCode
from kit.database.base import DatabaseUnavailable
from kit.http.app import create_app, guarded
from kit.http.bodies import ANONYMOUS_MAX_BODY, ANONYMOUS_MAX_VALUES, MAX_BODY, MAX_VALUES
from kit.http.errors import ProblemError, ServerErrorMiddleware
from kit.http.pagination import Page, Paging
from kit.http.request_guard import RequestGuard
from kit.http.routes import guard


class Body(BaseModel):
    value: Any = None
    number: int = 0


SECRET = "postgresql://user:hunter2@10.0.0.7/private"


def application() -> Any:
    app = create_app("test")

    @guard
    async def anybody(request: Request) -> None:
        if request.headers.get("authorization") == "nobody":
            raise ProblemError(ProblemCode.UNAUTHENTICATED, "Nobody.")

    @app.post("/echo", dependencies=[Depends(anybody)])
    async def echo(body: Body) -> Body:
        return body

    @app.post("/open")
    async def open_to_all(body: Body) -> Body:
        return body

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError(SECRET)

    @app.get("/away")
    async def away() -> None:
        raise DatabaseUnavailable(SECRET)

    @app.get("/breaks")
    async def breaks() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"some"
            raise RuntimeError(SECRET)

        return StreamingResponse(chunks())

    @app.get("/list")
    async def listed(query: Paging) -> Page[int]:
        return Page(items=(query.limit,))

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(
        guarded(application(), hosts=("server",)), raise_app_exceptions=False
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        yield client


def refused(answer: httpx.Response, status: int) -> Problem:
    """Check that an answer is a problem of a status, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert problem.status == status
    assert problem.type == f"urn:cratedig:problem:{problem.code}"
    assert len(problem.trace) == 32
    assert problem.detail
    return problem


async def post(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await client.post("/echo", content=body, headers={"Content-Type": "application/json"})


async def test_what_is_good_passes(client: httpx.AsyncClient) -> None:
    answer = await client.post("/echo", json={"value": {"text": "ä🎵"}, "number": -(2**63)})
    assert answer.json() == {"value": {"text": "ä🎵"}, "number": -(2**63)}


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": "a\\u0000b"}',
        b'{"a\\u0000b": 1}',
        b'{"value": "\\ud800"}',
        b'{"value": ["x", {"y": "\\udfff!"}]}',
        b'{"value": 9223372036854775808}',
        b'{"value": -9223372036854775809}',
        b'{"value": ' + b"9" * 5000 + b"}",
        b'{"value": 1e999}',
        b'{"value": -1e999}',
        b'{"value": NaN}',
        b'{"value": Infinity}',
        b'{"value": ' + b"[" * 33 + b"]" * 33 + b"}",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"value": ' * 20_000,
        b'{"value": ',
        b"",
        b"\xff\xfe",
        b'{"value": "\xff"}',
        b"null",
        b"{}" * 2,
        b'{"number": "seven"}',
        b'{"number": 1.5}',
    ],
    ids=range(22),
)
async def test_what_would_fail_deeper_is_refused_here(
    client: httpx.AsyncClient, body: bytes
) -> None:
    refused(await post(client, body), 422)


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/JSON",
        "APPLICATION/Json",
        "application/json; charset=utf-8",
        'application/json; boundary="x"; charset=latin-1',
        "  application/json",
        "application/json;",
        "application/merge-patch+json",
        "application/vnd.x+JSON",
        "application/x+y+json",
        "application",
        "application/",
        "json",
        "text/json",
        "text/plain",
        "application/octet-stream",
        "application/json, text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "\xff",
        "",
        None,
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b'{"value": "a\\u0000b"}',
        b'{"value": NaN}',
        b'{"value": 9223372036854775808}',
        b'{"value": ' + b"[" * 60 + b"]" * 60 + b"}",
        '{"value": "a\x00b"}'.encode("utf-16"),
    ],
    ids=["nul", "nan", "integer", "depth", "utf-16"],
)
async def test_no_name_of_a_type_goes_around_the_checks(
    client: httpx.AsyncClient, kind: str | None, body: bytes
) -> None:
    headers = {} if kind is None else {"Content-Type": kind.encode("latin-1")}
    answer = await client.post("/echo", content=body, headers=headers)  # type: ignore[arg-type]
    refused(answer, 422)


async def test_credentials_are_checked_before_a_body_is_read(client: httpx.AsyncClient) -> None:
    read: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"{}"

    for method, path, status in (
        ("POST", "/echo", 401),
        ("POST", "/nowhere", 404),
        ("PUT", "/echo", 405),
        ("GET", "/list", 200),
    ):
        # The client sends what is asked for only: whatever is not read stays unsent.
        headers = {"Authorization": "nobody", "Content-Type": "application/json"}
        answer = await client.request(method, path, content=chunks(), headers=headers)
        assert answer.status_code == status
        assert not read, f"{method} {path} read the body"


async def test_strangers_send_little(client: httpx.AsyncClient) -> None:
    kind = {"Content-Type": "application/json"}
    text = b'{"value": "%s"}'
    largest = text % (b"x" * (ANONYMOUS_MAX_BODY - len(text) + 2))
    assert (await client.post("/open", content=largest, headers=kind)).status_code == 200
    refused(await client.post("/open", content=largest + b" ", headers=kind), 413)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * (ANONYMOUS_MAX_BODY // 2)

    refused(await client.post("/open", content=chunks(), headers=kind), 413)
    full = b'{"value": [%s]}' % b",".join([b"0"] * (ANONYMOUS_MAX_VALUES - 3))
    assert (await client.post("/open", content=full, headers=kind)).status_code == 200
    over = full.replace(b"[", b"[0,")
    refused(await client.post("/open", content=over, headers=kind), 422)


@pytest.mark.parametrize(
    "values",
    [
        b"[" + b"0," * MAX_VALUES + b"0]",
        b"[" + b"[]," * MAX_VALUES + b"0]",
        b"{" + b",".join(b'"%d":0' % n for n in range(MAX_VALUES // 2 + 1)) + b"}",
        b"[" + b"0," * (MAX_BODY // 2 - 20) + b"0]",
    ],
    ids=["values", "lists", "keys", "a whole body"],
)
async def test_values_are_counted(client: httpx.AsyncClient, values: bytes) -> None:
    problem = refused(await post(client, b'{"value":' + values + b"}"), 422)
    assert f"more than {MAX_VALUES} values" in problem.detail
    # What is in texts is no value.
    prose = b'{"value": "%s"}' % (b", " * MAX_VALUES)
    assert (await post(client, prose)).status_code == 200


async def test_a_body_that_breaks_off_is_no_body() -> None:
    """Half of a body may be JSON too; whoever forwards it must not take it for the whole."""
    forwarded: list[bytes] = []

    async def forwarding(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        forwarded.append(body)

    pieces = iter(
        (
            {"type": "http.request", "body": b"{}", "more_body": True},
            {"type": "http.disconnect"},
        )
    )

    async def receive() -> Message:
        return next(pieces)

    async def send(message: Message) -> None:
        raise AssertionError("nobody is there")

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"server")]}
    await guarded(forwarding)(scope, receive, send)
    assert forwarded == []


async def test_every_router_must_guard_its_routes() -> None:
    router = APIRouter()
    router.add_api_route("/unguarded", lambda: None)
    with pytest.raises(TypeError, match="unguarded"):
        create_app("test").include_router(router)


async def test_depth_is_bounded_at_32(client: httpx.AsyncClient) -> None:
    deep = b'{"value": ' + b"[" * 31 + b"]" * 31 + b"}"
    assert (await post(client, deep)).status_code == 200
    refused(await post(client, b'{"value": ' + b"[" * 32 + b"]" * 32 + b"}"), 422)


async def test_a_body_is_counted_as_it_comes() -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 1 << 18
            yield b" " * (1 << 18)

    transport = httpx.ASGITransport(guarded(application()))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        refused(await client.post("/echo", content=chunks()), 413)
    assert sent <= MAX_BODY + (2 << 18), "the rest of the body was read although it is too large"


async def test_an_announced_body_is_refused_unread(client: httpx.AsyncClient) -> None:
    refused(await post(client, b" " * (MAX_BODY + 1)), 413)


async def test_a_lying_length_changes_nothing(client: httpx.AsyncClient) -> None:
    for length in ("-1", "1e3", "99999999999999999999", "²"):
        headers = {"Content-Type": "application/json", "Content-Length": length.encode()}
        answer = await client.post("/echo", content=b"{}", headers=headers)  # type: ignore[arg-type]
        refused(answer, 413)


async def test_headers_are_bounded(client: httpx.AsyncClient) -> None:
    refused(await client.get("/list", headers={"X-Large": "x" * (16 << 10)}), 422)
    many = [("X-Many", "1")] * 101
    refused(await client.get("/list", headers=many), 422)


@pytest.mark.parametrize("path", ["/list?cursor=%00", "/%00", "/a%00b"])
async def test_nul_in_an_address_is_refused(client: httpx.AsyncClient, path: str) -> None:
    refused(await client.get(path), 422)


async def test_other_names_are_not_answered(client: httpx.AsyncClient) -> None:
    refused(await client.get("/list", headers={"Host": "evil.example"}), 422)
    assert (await client.get("/list", headers={"Host": "SERVER:8000"})).status_code == 200
    # Whoever checks the health of a process calls it by its address.
    for header in ("X-Forwarded-Host", "X-Host", "Forwarded"):
        headers = {"Host": "evil.example", header: "server"}
        refused(await client.get("/list", headers=headers), 422)


async def test_unknown_addresses_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    assert refused(await client.get("/nowhere"), 404).code == "not_found"
    answer = await client.delete("/echo")
    assert refused(answer, 405).code == "method_not_allowed"
    assert answer.headers["Allow"] == "POST"


async def test_a_fault_leaks_nothing(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get("/boom")
    problem = refused(answer, 500)
    assert problem.code == "internal"
    for word in ("hunter2", "Runtime", "Traceback", "postgres", ".py"):
        assert word not in answer.text
    assert any(SECRET in record.exc_text for record in caplog.records if record.exc_text)


async def test_a_fault_while_answering_breaks_the_answer_off() -> None:
    transport = httpx.ASGITransport(guarded(application()), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        with pytest.raises(RuntimeError):
            await client.get("/breaks")


async def test_an_unavailable_service_gets_503_with_retry_after(client: httpx.AsyncClient) -> None:
    answer = await client.get("/away")
    problem = refused(answer, 503)
    assert problem.retryable
    assert int(answer.headers["Retry-After"]) >= 1
    assert "hunter2" not in answer.text


async def test_every_answer_carries_the_headers(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get("/list"),
        await client.get("/nowhere"),
        await client.get("/boom"),
        await post(client, b"{"),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert len(answer.headers["X-Request-Id"]) == 32


async def test_requests_are_counted_by_what_cannot_grow(client: httpx.AsyncClient) -> None:
    def counted(method: str, status: str) -> float:
        name = "http_request_duration_seconds_count"
        return REGISTRY.get_sample_value(name, {"method": method, "status": status}) or 0.0

    before = counted("GET", "404"), counted("other", "405")
    await client.get("/nowhere")
    for number in range(3):
        await client.request(f"STRANGE{number}", "/echo")
    assert (counted("GET", "404"), counted("other", "405")) == (before[0] + 1, before[1] + 3)


async def test_a_callers_trace_goes_on(client: httpx.AsyncClient) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = await client.get("/nowhere", headers=headers)
    assert refused(answer, 404).trace == trace == answer.headers["X-Request-Id"]
    forged = await client.get("/nowhere", headers={"traceparent": "x\tforged"})
    assert refused(forged, 404).trace != trace


async def test_wrong_fields_are_named_without_their_values(client: httpx.AsyncClient) -> None:
    answer = await client.post("/echo", json={"number": "hunter2"})
    (field,) = refused(answer, 422).fields
    assert field.field == "body.number"
    assert "hunter2" not in answer.text


async def test_pages_are_bounded_and_cursors_are_ours(client: httpx.AsyncClient) -> None:
    for query in (
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "1e2"},
        {"cursor": "bm90IG91cnM"},
        {"cursor": "é"},
        {"cursor": "WyIyMDI2LTAxLTAxIiwgIngiXQ"},
        {"cursor": "WzEsMl0"},
        {"cursor": "A" * 401},
    ):
        refused(await client.get("/list", params=query), 422)


async def test_a_body_that_does_not_come_is_not_waited_for_longer() -> None:
    async def halting() -> AsyncIterator[bytes]:
        yield b'{"value":'
        await asyncio.sleep(5)
        yield b" 1}"

    transport = httpx.ASGITransport(
        RequestGuard(ServerErrorMiddleware(application()), body_within=0.1)
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as slow:
        problem = refused(await slow.post("/echo", content=halting()), 408)
    assert (problem.code, problem.retryable) == ("too_slow", True)
