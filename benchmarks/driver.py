"""`python -m benchmarks.driver`: a closed loop of raw HTTP/1.1 connections.

It is a process of its own, reads an `Order` as JSON from standard input and writes a `Round`. It
does no more than it must with an answer: it takes its share of the processors from whom it
measures.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop

WARM_UP = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """A load: the request, the server, the duration, and the processes whose CPU time counts."""

    host: str
    port: int
    request: str
    """The bytes of the request, in Base64."""
    seconds: float
    connections: int
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """Figures of one round; times in ms."""

    rate: float
    median: float
    p99: float
    cpu: float
    """Processor time of the server for one request."""


def order(
    url: str, request: bytes, *, seconds: float, connections: int, pids: tuple[int, ...]
) -> Order:
    """Return the order to send a server one request repeatedly."""
    host, port = url.removeprefix("http://").split(":")
    return Order(host, int(port), b64encode(request).decode(), seconds, connections, pids)


def used(pids: tuple[int, ...]) -> float:
    """Return the CPU seconds that processes have used, or 0 if the system does not report them."""
    try:
        fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1] for pid in pids]
    except OSError:
        return 0.0
    ticks = sum(int(stat.split()[11]) + int(stat.split()[12]) for stat in fields)
    return ticks / os.sysconf("SC_CLK_TCK")


class _Caller(asyncio.Protocol):
    """One connection of a closed loop: sends the next request as soon as it is answered."""

    def __init__(self, request: bytes, end: float) -> None:
        self._request = request
        self._end = end
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self.times: list[tuple[float, float]] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"hung up on: {self._buffer[:300]!r}"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, body = self._buffer.partition(b"\r\n\r\n")
        if not mark or not _whole(head, body):
            return
        self.times.append((self._sent_at, time.perf_counter() - self._sent_at))
        if not 200 <= int(head[9:12]) < 300:
            self.done.set_exception(RuntimeError(f"refused: {self._buffer[:500]!r}"))
            return
        self._buffer = b""
        self._ask()

    def _ask(self) -> None:
        self._sent_at = time.perf_counter()
        if self._sent_at < self._end:
            assert self._transport is not None
            self._transport.write(self._request)
        elif not self.done.done():
            self.done.set_result(None)


def _whole(head: bytes, body: bytes) -> bool:
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length: ")
    if at < 0:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(lower[at + 18 :].split(b"\r\n", 1)[0])


async def drive(load: Order) -> Round:
    """Run one round of the closed loop."""
    loop = asyncio.get_running_loop()
    request = b64decode(load.request)
    begin = time.perf_counter() + WARM_UP
    before = used(load.pids)
    end = begin + load.seconds
    lines = [
        await loop.create_connection(lambda: _Caller(request, end), load.host, load.port)
        for _ in range(load.connections)
    ]
    callers = [caller for _, caller in lines]
    await asyncio.gather(*(caller.done for caller in callers))
    spent = used(load.pids) - before
    for transport, _ in lines:
        transport.close()
    count = sum(len(caller.times) for caller in callers)
    ordered = sorted(took for caller in callers for at, took in caller.times if at >= begin)
    return Round(
        rate=len(ordered) / load.seconds,
        median=1000 * statistics.median(ordered),
        p99=1000 * ordered[int(0.99 * (len(ordered) - 1))],
        cpu=1000 * spent / count,
    )


def main() -> None:
    """Run the order that standard input holds, and print the figures."""
    load = Order(**json.load(sys.stdin))
    print(json.dumps(asdict(uvloop.run(drive(load)))))


if __name__ == "__main__":
    main()
