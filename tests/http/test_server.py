"""S13: what a connection may send before anything is a request, over raw sockets."""

import asyncio
import contextlib
import json
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import pytest
import uvloop
from starlette.types import Message, Receive, Scope, Send

from contracts.problems import Problem
from kit.http.bounded_protocol import MAX_PIPELINED, MAX_UNREAD_BODY, STEP
from kit.http.refusals import MAX_HEAD
from kit.http.server import Server
from tests.support.running_server import free_port

HEAD_TIMEOUT = 1.5
HELLO = b"GET /hello HTTP/1.1\r\nHost: server\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n"


@dataclass
class Application:
    """Answers what it was asked, and keeps it."""

    seen: list[str] = field(default_factory=list)
    broken_off: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        self.seen.append(scope["path"])
        body = b""
        while scope["path"] != "/unread":
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                self.broken_off.set()
                return
            body += message["body"]
            if not message.get("more_body", False):
                break
        if scope["path"] == "/slow":
            await asyncio.sleep(0.3)
        received = {
            "method": scope["method"],
            "path": scope["path"],
            "headers": [[k.decode(), v.decode("latin-1")] for k, v in scope["headers"]],
            "body": body.decode(),
        }
        answer = json.dumps(received).encode()
        head = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": answer})


@dataclass
class Running:
    port: int
    application: Application


def comes_true(condition: Callable[[], bool]) -> None:
    """Wait for a condition of another thread."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A server as services run it: on uvloop, here in a thread."""
    application = Application()
    running = Running(free_port(), application)
    running_server = Server(application, "127.0.0.1", running.port, head_timeout=HEAD_TIMEOUT)
    thread = threading.Thread(target=lambda: uvloop.run(running_server.serve()))
    thread.start()
    comes_true(lambda: running_server.started)
    yield running
    running_server.should_exit = True
    thread.join(20)
    assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
async def line(
    server: Running,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection."""
    server.application.seen.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    yield reader, writer
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one answer."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    fields = {k.lower(): v for k, v in (text.split(": ", 1) for text in lines)}
    body = await asyncio.wait_for(reader.readexactly(int(fields["content-length"])), 10)
    return int(first.split(" ")[1]), fields, body


async def read_request(reader: asyncio.StreamReader) -> dict[str, object]:
    """Read one answer of the application."""
    status, _, body = await read_answer(reader)
    assert status == 200, body
    request: dict[str, object] = json.loads(body)
    return request


async def refused(reader: asyncio.StreamReader, status: int) -> None:
    """Read a refusal, and the end of the connection."""
    code, fields, body = await read_answer(reader)
    assert code == status, body
    assert fields["content-type"] == "application/problem+json"
    assert fields["connection"] == "close"
    assert fields["x-content-type-options"] == "nosniff"
    problem = Problem.model_validate_json(body)
    assert problem.status == status
    assert problem.detail
    assert await ended(reader)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait for the end of the connection; whatever comes before it is no answer."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 10) == b""
    return True


async def test_a_head_of_32_kib_passes_and_a_longer_one_is_refused(
    line: Line, server: Running
) -> None:
    reader, writer = line
    plain = b"GET /long HTTP/1.1\r\nHost: server\r\nX: %s\r\n\r\n"
    writer.write(plain % (b"x" * (MAX_HEAD - len(plain))))
    assert (await read_request(reader))["path"] == "/long"
    writer.write(plain % (b"x" * (MAX_HEAD + STEP)))
    await refused(reader, 431)
    assert server.application.seen == ["/long"]


async def test_a_head_without_end_is_refused_while_it_comes(line: Line, server: Running) -> None:
    reader, writer = line
    writer.write(b"GET / HTTP/1.1\r\nHost: server\r\nX: ")
    with contextlib.suppress(ConnectionError):
        for _ in range(64):
            writer.write(b"x" * (1 << 18))
            await writer.drain()
    await refused(reader, 431)
    assert server.application.seen == []


@pytest.mark.parametrize("size", [1, 100], ids=["many", "some"])
async def test_many_headers_are_refused(line: Line, server: Running, size: int) -> None:
    reader, writer = line
    writer.write(b"GET / HTTP/1.1\r\nHost: server\r\n")
    writer.write((b"X: " + b"x" * size + b"\r\n") * (2 * MAX_HEAD // (size + 5)))
    await refused(reader, 431)
    assert server.application.seen == []


async def test_a_long_address_is_refused(line: Line, server: Running) -> None:
    reader, writer = line
    writer.write(b"GET /" + b"a" * (MAX_HEAD + STEP) + b" HTTP/1.1\r\nHost: server\r\n\r\n")
    await refused(reader, 431)
    assert server.application.seen == []


@pytest.mark.parametrize("drop", [b"X", b"\r\n"], ids=["bytes", "empty lines"])
async def test_a_head_that_drips_has_a_deadline(line: Line, server: Running, drop: bytes) -> None:
    reader, writer = line
    began = time.monotonic()
    if drop == b"X":
        writer.write(b"GET / HTTP/1.1\r\nHost: server\r\nX: ")

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    if drop == b"X":
        await refused(reader, 408)
    else:
        assert await ended(reader)
    dripping.cancel()
    assert time.monotonic() - began < HEAD_TIMEOUT + 5
    assert server.application.seen == []


async def test_who_says_nothing_is_hung_up_on(line: Line) -> None:
    reader, _ = line
    assert await ended(reader)


async def test_what_came_before_a_refused_head_is_answered(line: Line, server: Running) -> None:
    reader, writer = line
    writer.write(HELLO.replace(b"/hello", b"/slow"))
    writer.write(b"GET /huge HTTP/1.1\r\nHost: server\r\nX: " + b"x" * (MAX_HEAD + STEP))
    assert (await read_request(reader))["path"] == "/slow"
    assert await ended(reader)
    assert server.application.seen == ["/slow"]


async def test_requests_in_line_are_answered_in_order(line: Line) -> None:
    reader, writer = line
    paths = [f"/{n}" for n in range(MAX_PIPELINED)]
    writer.write(b"".join(HELLO.replace(b"/hello", path.encode()) for path in paths) + LAST)
    answers = [(await read_request(reader))["path"] for _ in range(MAX_PIPELINED + 1)]
    assert answers == [*paths, "/last"]
    assert await ended(reader)


async def test_the_line_has_an_end(line: Line, server: Running) -> None:
    reader, writer = line
    writer.write(HELLO * 500)
    count = 0
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            await read_request(reader)
            count += 1
    assert count == MAX_PIPELINED + 1
    assert len(server.application.seen) == count


async def test_a_trailer_is_no_header(line: Line) -> None:
    reader, writer = line
    writer.write(
        b"POST /chunked HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;ext=1\r\nabc\r\n0\r\nAuthorization: Bearer stolen\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
    )
    request = await read_request(reader)
    assert request["body"] == "abc"
    assert request["headers"] == [["host", "server"], ["transfer-encoding", "chunked"]]
    writer.write(LAST)
    assert (await read_request(reader))["path"] == "/last"


@pytest.mark.parametrize(
    "endless", [b"3;" + b"x" * 10, b"0\r\nX: " + b"x" * 10], ids=["extension", "trailer"]
)
async def test_what_is_no_body_is_bounded(line: Line, server: Running, endless: bytes) -> None:
    reader, writer = line
    server.application.broken_off.clear()
    writer.write(b"POST / HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        writer.write(endless + b"x" * (1 << 20))
        await writer.drain()
    await refused(reader, 431)
    assert await asyncio.to_thread(server.application.broken_off.wait, 5)


async def test_a_large_body_is_no_head(line: Line) -> None:
    reader, writer = line
    body = b"x" * (8 * MAX_HEAD)
    writer.write(b"POST / HTTP/1.1\r\nHost: server\r\nContent-Length: %d\r\n\r\n" % len(body))
    writer.write(body)
    assert (await read_request(reader))["body"] == body.decode()
    chunks = b"".join(b"1\r\ny\r\n" for _ in range(2 * MAX_HEAD))
    writer.write(b"POST / HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n")
    writer.write(chunks + b"0\r\n\r\n" + LAST)
    assert (await read_request(reader))["body"] == "y" * (2 * MAX_HEAD)
    assert (await read_request(reader))["path"] == "/last"


@pytest.mark.parametrize("split", [False, True], ids=["at once", "in two"])
async def test_an_upgrade_is_not_taken_up_and_nothing_is_lost(line: Line, split: bool) -> None:
    reader, writer = line
    writer.write(
        b"POST /up HTTP/1.1\r\nHost: server\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: x\r\nContent-Length: 37\r\n\r\n"
    )
    if split:
        await writer.drain()
        await asyncio.sleep(0.05)
    smuggled = b"GET /no HTTP/1.1\r\nHost: server\r\n\r\n123"
    writer.write(smuggled + LAST)
    request = await read_request(reader)
    assert (request["path"], request["body"]) == ("/up", smuggled.decode())
    assert (await read_request(reader))["path"] == "/last"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: server\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: server\r\nHost: other\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : server\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: server\r\nX: a\r\n b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: server\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: server\r\n\r\n", 400),
        (b"CONNECT other:443 HTTP/1.1\r\nHost: other\r\n\r\n", 400),
        (b"GET http://server HTTP/1.1\r\nHost: server\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: server\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            b"POST / HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n"
            b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 1_0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 0x1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 9999999999999999999999\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: server\r\n: nameless\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: server\r\nX-\x00: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: server\r\nX: a\rb\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n Host: server\r\n\r\n", 400),
        (b"GE\x00T / HTTP/1.1\r\nHost: server\r\n\r\n", 400),
    ],
    ids=range(25),
)
async def test_what_is_no_request_is_refused(
    line: Line, server: Running, sent: bytes, status: int
) -> None:
    reader, writer = line
    writer.write(sent)
    await refused(reader, status)
    assert server.application.seen == []


async def test_a_body_that_breaks_its_framing_is_refused(line: Line, server: Running) -> None:
    reader, writer = line
    server.application.broken_off.clear()
    writer.write(
        b"POST / HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n"
    )
    await refused(reader, 400)
    assert await asyncio.to_thread(server.application.broken_off.wait, 5)


async def test_a_body_that_nobody_reads_is_passed_over_to_a_bound(line: Line) -> None:
    reader, writer = line
    head = b"POST /unread HTTP/1.1\r\nHost: server\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % (MAX_UNREAD_BODY // 2) + b"x" * (MAX_UNREAD_BODY // 2) + HELLO)
    assert (await read_request(reader))["body"] == ""
    assert (await read_request(reader))["path"] == "/hello"
    writer.write(b"POST /unread HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(64):
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()
    assert (await read_request(reader))["body"] == ""
    assert await ended(reader)


async def test_a_stopping_server_answers_requests_in_progress() -> None:
    application = Application()
    port = free_port()
    stopping_server = Server(application, "127.0.0.1", port)
    thread = threading.Thread(target=lambda: uvloop.run(stopping_server.serve()))
    thread.start()
    await asyncio.to_thread(comes_true, lambda: stopping_server.started)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HELLO.replace(b"/hello", b"/slow"))
    await asyncio.to_thread(comes_true, lambda: bool(application.seen))
    stopping_server.should_exit = True
    request = await read_request(reader)
    assert request["path"] == "/slow"
    assert await ended(reader)
    writer.close()
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()


async def test_a_server_leaves_signals_to_its_process() -> None:
    before = signal.getsignal(signal.SIGTERM)
    port = free_port()
    server = Server(Application(), "127.0.0.1", port)
    server.bind()
    task = asyncio.create_task(server.serve())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(LAST)
    assert (await read_request(reader))["path"] == "/last"
    assert signal.getsignal(signal.SIGTERM) is before
    server.should_exit = True
    await task
    writer.close()
