"""How many connections a server takes, in all and from one address."""

import asyncio
import contextlib
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvloop

from contracts.problems import Problem
from kit.http.addresses import source_of
from kit.http.connection_limits import EACH, MAX_REFUSALS, RESERVE, ConnectionLimits
from kit.http.server import Server
from kit.process import StartRefused
from tests.http.test_server import HELLO, Application, comes_true, read_answer, read_request
from tests.support.running_server import free_port


@contextmanager
def serving(limits: ConnectionLimits) -> Iterator[int]:
    """Run a server with a crowd; yield its port."""
    port = free_port()
    server = Server(Application(), "127.0.0.1", port, limits=limits)
    thread = threading.Thread(target=lambda: uvloop.run(server.serve()))
    thread.start()
    comes_true(lambda: server.started)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


async def asks(port: int, address: str = "127.0.0.1") -> bool:
    """Return whether a new connection from an address of loopback is answered, or refused."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    try:
        writer.write(HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        status, fields, body = await read_answer(reader)
        if status == 200:
            return True
        assert status == 503
        assert int(fields["retry-after"]) > 0
        problem = Problem.model_validate_json(body)
        assert problem.retryable
        assert "connections" in problem.detail
        return False
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextmanager
def held(writers: list[asyncio.StreamWriter]) -> Iterator[None]:
    try:
        yield
    finally:
        for writer in writers:
            writer.close()


async def test_one_address_leaves_room_for_others() -> None:
    with serving(ConnectionLimits(max_connections=20, by_address=5)) as port:
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        with held([writer for _, writer in lines]):
            assert not await asks(port)
            assert await asks(port, "127.0.0.2")
            reader, writer = lines[0]
            writer.write(HELLO)
            assert (await read_request(reader))["path"] == "/hello"
        while not await asks(port):
            pass  # The server has not noticed yet that a place is free.


async def test_all_together_have_a_bound() -> None:
    with serving(ConnectionLimits(max_connections=6)) as port:
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(6)]
        with held([writer for _, writer in lines]):
            assert not await asks(port, "127.0.0.2")


async def test_a_trusted_proxy_may_open_many_connections() -> None:
    with serving(
        ConnectionLimits(max_connections=20, by_address=2, unbounded=("127.0.0.0/30",))
    ) as port:
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        with held([writer for _, writer in lines]):
            assert await asks(port)


async def test_a_flood_of_connections_is_cut_off() -> None:
    """Whoever is refused keeps a descriptor until it has read why: only some may."""
    with serving(ConnectionLimits(max_connections=1)) as port:
        first = await asyncio.open_connection("127.0.0.1", port)
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_REFUSALS + 20)]
        answered = 0
        for reader, _ in lines:
            with contextlib.suppress(ConnectionError):
                answered += bool(await asyncio.wait_for(reader.read(), 10))
        with held([writer for _, writer in (first, *lines)]):
            assert 0 < answered <= MAX_REFUSALS + 20


def test_descriptors_are_kept_for_what_connections_need() -> None:
    few = ConnectionLimits(max_connections=4000, by_address=4000, available=lambda: 1024)
    assert few.max_connections == (1024 - RESERVE) // EACH
    assert few.by_address == few.max_connections // 2
    for number in range(few.max_connections // 2):
        assert few.enter("203.0.113.7"), number
    assert not few.enter("203.0.113.7")
    assert few.enter("203.0.113.8")
    few.leave("203.0.113.7")
    assert few.enter("203.0.113.7")


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_address_counts_for_its_network(address: str, source: str) -> None:
    assert source_of(address) == source


def test_a_process_takes_the_descriptors_that_it_may_have() -> None:
    program = (
        "import resource, os; from kit.process import prepare, descriptors; prepare();"
        "print(descriptors(), oct(os.umask(0)))"
    )
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = min(2048, hard if hard != resource.RLIM_INFINITY else 2048)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limit))

    done = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(limit), "0o77"]


def test_a_taken_port_has_a_clear_error() -> None:
    port = free_port()
    first = Server(Application(), "127.0.0.1", port)
    first.bind()
    try:
        with pytest.raises(StartRefused, match=f"cannot listen on 127.0.0.1, port {port}"):
            Server(Application(), "127.0.0.1", port).bind()
    finally:
        first.release()
