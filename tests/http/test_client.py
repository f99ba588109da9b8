"""Clients of other services: the same for a socket and for this process; always a deadline."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, unquote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from kit.http.client import TIMEOUT, build_client


async def hello(request: Request) -> Response:
    return JSONResponse({"path": request.url.path, "query": request.url.query})


async def boom(request: Request) -> Response:
    raise RuntimeError("a fault of the other service")


Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(talk: Conversation) -> AsyncIterator[str]:
    """Yield the address of a server, and wait for its conversation to end."""
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()
            ended.set()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        await ended.wait()


APP = Starlette(routes=[Route("/hello/{name}", hello), Route("/boom", boom)])


async def test_in_process_is_as_over_a_socket() -> None:
    offered: dict[str, ASGIApp] = {}
    async with build_client("inprocess://other", application=offered.__getitem__) as client:
        # It may be offered after the client was made, for two services that need each other.
        offered["other"] = APP
        answer = await client.get("/hello/you", params={"a": "b c"})
        assert answer.json() == {"path": "/hello/you", "query": "a=b+c"}
        assert (await client.get("/boom")).status_code == 500


async def test_every_call_has_a_deadline() -> None:
    assert all(value is not None for value in TIMEOUT.as_dict().values())

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(never) as url, build_client(url, application=lambda _: APP) as client:
        with pytest.raises(httpx.TimeoutException):
            await client.get("/", timeout=httpx.Timeout(0.2))


async def test_an_application_of_this_process_has_a_deadline_too() -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await receive()

    async with build_client("inprocess://other", application=lambda _: never) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/", timeout=httpx.Timeout(0.05))


async def test_a_missing_in_process_service_is_a_connect_error() -> None:
    def find(name: str) -> ASGIApp:
        raise RuntimeError("no service of this name runs here")

    async with build_client("inprocess://other", application=find) as client:
        with pytest.raises(httpx.ConnectError, match="no service"):
            await client.get("/")


async def test_a_path_below_an_address_is_kept() -> None:
    seen: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with (
        server(note) as url,
        build_client(f"{url}/below", application=lambda _: APP) as client,
    ):
        assert (await client.get("/hello", params={"a": "b"})).status_code == 204
    (head,) = seen
    assert head.startswith(b"GET /below/hello?a=b HTTP/1.1\r\n")
    assert f"\r\nhost: {url.removeprefix('http://')}\r\n".encode() in head.lower()


async def test_nobody_there_is_an_error_at_once() -> None:
    async with build_client("http://127.0.0.1:9", application=lambda _: APP) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/")


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with server(answer) as url, build_client(url, application=lambda _: APP) as client:
        assert (await client.get("/")).status_code == 204


async def test_a_connection_that_breaks_is_not_one_that_never_was() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with server(hang_up) as url, build_client(url, application=lambda _: APP) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/", content=b"")


async def test_over_a_socket_an_address_means_what_it_says() -> None:
    seen: list[str] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head.split(b" ", 2)[1].decode())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()

    path = "/v1/x%2Fy%25z%20%C3%A9%3Fq"
    query = "q=a%20b&x=%2F..%2F&plus=a+b&percent=%2525&and=%26&equal=%3D&kind=a&kind=b&empty="
    async with server(note) as url, build_client(url, application=lambda _: APP) as client:
        request = client.build_request("GET", httpx.URL(path=path, query=query.encode()))
        assert (await client.send(request)).status_code == 204
    (target,) = seen
    got_path, _, got_query = target.partition("?")
    assert [unquote(part) for part in got_path.split("/")] == [
        unquote(part) for part in path.split("/")
    ]
    assert parse_qsl(got_query, keep_blank_values=True) == parse_qsl(query, keep_blank_values=True)


async def test_a_stream_of_bytes_arrives_as_it_was_sent() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        for number in range(50):
            writer.write(b"1000\r\n" + bytes([number]) * 4096 + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async with (
        server(talk) as url,
        build_client(url, application=lambda _: APP) as client,
        client.stream("GET", "/") as answer,
    ):
        content = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert content == b"".join(bytes([number]) * 4096 for number in range(50))
