"""Latency of `GET /healthz` while unauthenticated clients send JSON that is costly to parse.

Each attacking connection sends 1 MB of JSON a second, whatever it is answered: bodies of 1 MB full
of keys or numbers, to an address that takes a body and to one that does not exist, or 64 bodies of
16 KiB. The server runs in one process, the attackers in another and the probe in a third, on the
same machine. Times are in ms, `idle` is the same server in the same run without attackers.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import httpx

from benchmarks.environments import SMALLEST
from benchmarks.gateway import one_process
from tests.support.running_server import ROOT

EVERY = 0.02
"""Seconds between two probes."""
PATIENCE = 60.0


def keys(size: int) -> bytes:
    """Return an object of about so many bytes, full of keys."""
    return b"{" + b",".join(b'"%d":0' % n for n in range(size // 11)) + b"}"


def numbers(size: int) -> bytes:
    """Return a list of about so many bytes, full of numbers."""
    return b"[" + b"0," * (size // 2) + b"0]"


ATTACKS = {
    "keys": ("/v1/sessions", keys(1_000_000), 1.0),
    "nowhere": ("/v1/nothing", numbers(1_000_000), 1.0),
    "small": ("/v1/sessions", keys(15_000), 1 / 64),
}
"""Address, body, and how often each connection sends it."""


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each row")
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--attack", choices=ATTACKS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.attack:
        path, body, every = ATTACKS[chosen.attack]
        asyncio.run(attack(chosen.url, path, body, every, count=chosen.connections[0]))
        return
    if SMALLEST:
        chosen.seconds, chosen.connections = 1.0, [1]
    with tempfile.TemporaryDirectory() as folder, one_process(Path(folder)) as server:
        print(f"{'attack':<10}{'connections':>12}{'sent/s':>8}{'probes':>8}{'p50':>9}{'max':>9}")
        show("idle", 0, 0.0, probe(server.url, chosen.seconds))
        for name in ATTACKS:
            for count in chosen.connections:
                command = [sys.executable, "-m", "benchmarks.attack", "--attack", name]
                command += ["--url", server.url, "--connections", str(count)]
                with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as attackers:
                    assert attackers.stdout is not None
                    attackers.stdout.readline()
                    began = time.monotonic()
                    try:
                        times = probe(server.url, chosen.seconds)
                    finally:
                        attackers.terminate()
                    sent = attackers.stdout.read().count(b"\n")
                    show(name, count, sent / (time.monotonic() - began), times)


def show(name: str, count: int, rate: float, times: list[float]) -> None:
    """Print a row."""
    p50, maximum = statistics.median(times), max(times)
    print(f"{name:<10}{count:>12}{rate:>8.1f}{len(times):>8}{p50:>9.1f}{maximum:>9.1f}", flush=True)


def probe(url: str, seconds: float) -> list[float]:
    """Request `/healthz` repeatedly; return the latency of each answer in ms."""
    times = []
    with httpx.Client(timeout=PATIENCE) as client:
        client.get(f"{url}/healthz")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.perf_counter()
            client.get(f"{url}/healthz").raise_for_status()
            times.append(1000 * (time.perf_counter() - began))
            time.sleep(EVERY)
    return times


async def attack(url: str, path: str, body: bytes, every: float, *, count: int) -> None:
    """Send a body on `count` connections until stopped; print a line for each answer."""
    host, port = url.removeprefix("http://").split(":")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()

    async def attack_once() -> None:
        while True:
            began = time.monotonic()
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(head + body)
                await reader.readline()
                print("answered", flush=True)
                writer.transport.abort()
            await asyncio.sleep(max(0.0, began + every - time.monotonic()))

    print("attacking", flush=True)
    await asyncio.gather(*(attack_once() for _ in range(count)))


if __name__ == "__main__":
    main()
