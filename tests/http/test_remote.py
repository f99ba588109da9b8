"""Applications elsewhere: the same over a socket and in this process; whoever is away is told."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.http.remote import Remote, UpstreamUnavailable, remote_application
from kit.http.server import Server
from tests.support.running_server import free_port


async def hello(request: Request) -> Response:
    received = {
        "method": request.method,
        "path": request.scope["path"],
        "query": request.scope["query_string"].decode(),
        "headers": sorted([k, v] for k, v in request.headers.items() if k != "host"),
        "body": (await request.body()).decode(),
    }
    return JSONResponse(received, 201, {"X-Own": "kept", "Set-Cookie": "a=b"})


async def elsewhere(request: Request) -> Response:
    return Response(status_code=307, headers={"Location": "/hello"})


async def empty(request: Request) -> Response:
    return Response(status_code=204)


async def large(request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(64):
            yield bytes([number]) * 65_536

    return StreamingResponse(chunks(), media_type="application/octet-stream")


async def breaks(request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"some"
        raise ConnectionResetError("of the other service")

    return StreamingResponse(chunks())


left = threading.Event()
"""Set once a stream without end noticed that its reader left."""


async def endless(request: Request) -> Response:
    async def events() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            left.set()

    return StreamingResponse(events())


async def fails_late(request: Request) -> Response:
    class Late(Response):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await super().__call__(scope, receive, send)
            raise RuntimeError("after the answer")

    return Late(b"whole")


APP = Starlette(
    routes=[
        Route("/hello/{name}", hello, methods=["GET", "POST"]),
        Route("/hello", hello),
        Route("/elsewhere", elsewhere),
        Route("/empty", empty),
        Route("/large", large),
        Route("/breaks", breaks),
        Route("/endless", endless),
        Route("/fails_late", fails_late),
    ]
)


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The address of a server with the application, in a thread."""
    port = free_port()
    server = Server(APP, "127.0.0.1", port)
    thread = threading.Thread(target=lambda: uvloop.run(server.serve()))
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(params=["socket", "process"])
async def remote(request: pytest.FixtureRequest) -> AsyncIterator[Remote]:
    address = request.getfixturevalue("served") if request.param == "socket" else "inprocess://it"
    application = remote_application(address, application={"it": APP}.__getitem__)
    yield application
    await application.aclose()


class Answer:
    """What an application answered."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.ended = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            assert not self.ended
            self.body += message["body"]
            self.ended = not message.get("more_body", False)


async def ask(
    remote: Remote,
    path: str,
    *,
    query: str = "",
    body: bytes = b"",
    answer: Answer | None = None,
    leave: asyncio.Event | None = None,
) -> Answer:
    """Send a request; `leave` is set when the caller disconnects."""
    answer = answer or Answer()
    leaves = leave or asyncio.Event()
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        for message in messages:
            return message
        await leaves.wait()
        return {"type": "http.disconnect"}

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST" if body else "GET",
        "scheme": "http",
        "path": path.replace("%20", " "),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"accept", b"*/*"), (b"x-given", b"1")],
        "client": None,
        "server": None,
    }
    await remote(scope, receive, answer.send)
    return answer


async def test_a_request_and_its_answer_pass_unchanged(remote: Remote) -> None:
    answer = await ask(remote, "/hello/you%20there", query="a=b%20c&d=%2F&e=a+b", body=b"body")
    assert (answer.status, answer.ended) == (201, True)
    received = json.loads(answer.body)
    length = [["content-length", "4"]] if ["content-length", "4"] in received["headers"] else []
    assert received == {
        "method": "POST",
        "path": "/hello/you there",
        "query": "a=b%20c&d=%2F&e=a+b",
        "headers": sorted([["accept", "*/*"], ["x-given", "1"], *length]),
        "body": "body",
    }
    assert (b"x-own", b"kept") in answer.headers


async def test_nothing_is_followed_decoded_or_kept(remote: Remote) -> None:
    answer = await ask(remote, "/elsewhere")
    assert (answer.status, answer.ended) == (307, True)
    await ask(remote, "/hello")
    answer = await ask(remote, "/hello")
    assert b"cookie" not in answer.body


async def test_an_empty_answer_ends(remote: Remote) -> None:
    answer = await ask(remote, "/empty")
    assert (answer.status, answer.body, answer.ended) == (204, b"", True)


async def test_a_large_answer_comes_whole(remote: Remote) -> None:
    answer = await ask(remote, "/large")
    assert answer.body == b"".join(bytes([n]) * 65_536 for n in range(64))
    assert answer.ended


async def test_an_answer_that_breaks_off_is_not_a_whole_one(remote: Remote) -> None:
    with pytest.raises(UpstreamUnavailable) as raised:
        await ask(remote, "/breaks")
    assert raised.value.sent


async def test_a_stream_arrives_while_it_is_made_and_ends_when_its_reader_leaves(
    remote: Remote,
) -> None:
    left.clear()
    first, leave = asyncio.Event(), asyncio.Event()

    class Reading(Answer):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if self.body == b"first":
                first.set()

    asking = asyncio.create_task(ask(remote, "/endless", answer=Reading(), leave=leave))
    await asyncio.wait_for(first.wait(), 10)
    assert not asking.done()
    leave.set()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await asyncio.to_thread(left.wait, 10)


async def test_a_fault_after_a_complete_answer_changes_nothing(remote: Remote) -> None:
    answer = await ask(remote, "/fails_late")
    assert (answer.status, answer.body, answer.ended) == (200, b"whole", True)


async def test_many_at_once(remote: Remote) -> None:
    answers = await asyncio.gather(*(ask(remote, f"/hello/{n}") for n in range(150)))
    assert all(
        answer.status == 201 and f"/hello/{n}".encode() in answer.body
        for n, answer in enumerate(answers)
    )


def nobody(name: str) -> ASGIApp:
    raise RuntimeError("no service of this name")


async def test_a_refused_connection_never_sent_the_request() -> None:
    for address in (f"http://127.0.0.1:{free_port()}", "inprocess://it"):
        remote = remote_application(address, application=nobody)
        with pytest.raises(UpstreamUnavailable) as raised:
            await ask(remote, "/hello")
        assert not raised.value.sent
        await remote.aclose()


@pytest.mark.parametrize("says", ["nothing", "end", "nonsense"])
async def test_a_request_without_an_answer_may_have_arrived(says: str) -> None:
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if says == "nonsense":
            writer.write(b"nonsense\r\n\r\n")
        if says == "nothing":
            await ended.wait()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        remote = remote_application(address, application=nobody, read_timeout=0.2)
        with pytest.raises(UpstreamUnavailable) as raised:
            await ask(remote, "/hello", body=b"x")
        assert raised.value.sent
        ended.set()
        await remote.aclose()
