"""What the bounds of our HTTP server cost: the server beside uvicorn without them.

Each server answers `/healthz` in a process of its own. Rounds take turns, so that all servers meet
the same machine. Requests a second are a ratio to uvicorn on httptools in the same round; `CPU ms`
is what the server spends on one request, and depends least on other load. Memory is that of idle
connections that have sent one request each. The figures are medians of the rounds.
"""

import argparse
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn
import uvloop

from benchmarks.driver import Round, order
from benchmarks.environments import ROOT, SMALLEST
from benchmarks.gateway import CONNECTIONS, load, ready, request
from kit.http.health import health_app
from kit.http.server import BACKLOG, Server
from kit.process import prepare
from tests.support.running_server import free_port

BOUNDED = "bounded"
SERVERS = ("httptools", BOUNDED, "h11")
ASK = request("GET", "/healthz", "")


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5, help="the median is shown")
    parser.add_argument("--idle", type=int, default=1000, help="idle connections")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.port)
        return
    if SMALLEST:
        args.seconds, args.rounds, args.idle = 0.5, 1, 10
    with ExitStack() as stack:
        running = {name: stack.enter_context(process(name)) for name in SERVERS}
        rounds: dict[str, list[Round]] = {name: [] for name in SERVERS}
        for _ in range(args.rounds):
            for name, (port, pid) in running.items():
                url = f"http://127.0.0.1:{port}"
                task = order(url, ASK, seconds=args.seconds, connections=CONNECTIONS, pids=(pid,))
                rounds[name].append(load(task))
        print(f"{'':<12}{'÷ httptools':>12}{'p99 ms':>9}{'CPU ms':>9}{'KiB/idle':>10}")
        for name, (port, pid) in running.items():
            pairs = zip(rounds[name], rounds["httptools"], strict=True)
            ratio = statistics.median(own.rate / plain.rate for own, plain in pairs)
            p99 = statistics.median(result.p99 for result in rounds[name])
            cpu = statistics.median(result.cpu for result in rounds[name])
            idle = idle_memory(port, pid, args.idle)
            print(f"{name:<12}{ratio:>12.2f}{p99:>9.1f}{cpu:>9.3f}{idle:>10.1f}", flush=True)


def serve(name: str, port: int) -> None:
    """Serve until the process is stopped."""

    async def always_ready() -> dict[str, bool]:
        return {}

    prepare()
    app = health_app(always_ready)
    if name == BOUNDED:
        uvloop.run(Server(app, "127.0.0.1", port).serve())
        return
    config = uvicorn.Config(
        app,
        port=port,
        http="h11" if name == "h11" else "httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=60,
    )
    uvloop.run(uvicorn.Server(config).serve())


@contextmanager
def process(name: str) -> Iterator[tuple[int, int]]:
    """Run a server; yield its port and the id of its process."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.http_servers", "--serve", name]
    with subprocess.Popen([*command, "--port", str(port)], cwd=ROOT) as server:
        try:
            while not ready(f"http://127.0.0.1:{port}"):
                if server.poll() is not None:
                    raise RuntimeError(f"{name} did not start")
                time.sleep(0.1)
            yield port, server.pid
        finally:
            server.terminate()


def idle_memory(port: int, pid: int, count: int) -> float:
    """Return the KiB by which a server grows for each of so many idle connections."""
    with ExitStack() as stack:
        before = resident(pid)
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            connection.sendall(ASK)
            connection.recv(4096)
        return (resident(pid) - before) / count


def resident(pid: int) -> int:
    """Return the KiB of memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


if __name__ == "__main__":
    main()
