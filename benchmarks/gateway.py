"""Requests a second and their p99 through gateway and library, relative to `/healthz`.

Once with the whole server in one process, once with gateway, library and a worker of ingest as
processes. The driver is a closed loop of raw HTTP/1.1 connections in a process of its own on the
same machine; it takes its share of the cores. `CPU ms` is what the server's processes spend on one
request: it depends least on who else works. The figures are medians of the rounds.
"""

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import httpx

from benchmarks.driver import Order, Round, order
from benchmarks.environments import SMALLEST
from cratedig import Client, CratedigError, Credentials
from tests.support.running_server import ROOT, free_port

CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs: its address and its processes."""

    url: str
    pids: tuple[int, ...]


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3, help="the median is shown")
    parser.add_argument("--only", choices=("one", "several"), help="one process, or several")
    chosen = parser.parse_args()
    if SMALLEST:
        chosen.seconds, chosen.rounds = 1.0, 1
    for name, server in (("one", one_process), ("several", several_processes)):
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as target:
                print(f"\n{name} process{'es' if name == 'several' else ''}:", flush=True)
                measure(target, seconds=chosen.seconds, rounds=chosen.rounds)


def measure(server: Running, *, seconds: float, rounds: int) -> None:
    """Print the figures of a server."""
    client = Client(Credentials(server.url), save=lambda _: None)
    client.account.create(f"{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16))
    content = secrets.token_bytes(1000)
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(content)
        file.flush()
        sent = client.uploads.file(Path(file.name))
    item = str(sent.item)
    # Until ingest has refused it, the same bytes would be sent again.
    with suppress(CratedigError):
        client.jobs.wait(str(sent.job))
    token = client.credentials.access_token
    # Bytes that are there already: one row is written, and nothing is left to send.
    known = {"name": "a.wav", "size": len(content), "sha256": sha256(content).hexdigest()}

    cases = {
        "GET /healthz": request("GET", "/healthz", ""),
        "GET /v1/items": request("GET", "/v1/items?limit=20", token),
        "GET /v1/items/{item}": request("GET", f"/v1/items/{item}", token),
        "GET /v1/account": request("GET", "/v1/account", token),
        "POST /v1/uploads": request("POST", "/v1/uploads", token, json.dumps(known).encode()),
    }
    rounds_by_case: dict[str, list[Round]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case_request in cases.items():
            rounds_by_case[name].append(
                load(
                    order(
                        server.url,
                        case_request,
                        seconds=seconds,
                        connections=CONNECTIONS,
                        pids=server.pids,
                    )
                )
            )
    base = statistics.median(round_.rate for round_ in rounds_by_case["GET /healthz"])
    print(f"  {'':<22}{'per second':>11}{'÷ healthz':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}")
    for name, all_ in rounds_by_case.items():
        rate = statistics.median(round_.rate for round_ in all_)
        p50, p99 = (
            statistics.median(c) for c in zip(*((o.median, o.p99) for o in all_), strict=True)
        )
        cpu = statistics.median(round_.cpu for round_ in all_)
        print(
            f"  {name:<22}{rate:>11.0f}{rate / base:>11.2f}{p50:>9.1f}{p99:>9.1f}{cpu:>9.2f}",
            flush=True,
        )


def request(method: str, path: str, bearer: str, body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if bearer:
        lines.append(f"Authorization: Bearer {bearer}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join((*lines, "", "")).encode() + body


def load(load_order: Order) -> Round:
    """Run the driver in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.driver"],
        cwd=ROOT,
        input=json.dumps(asdict(load_order)),
        stdout=subprocess.PIPE,
        text=True,
        timeout=load_order.seconds + 60,
        check=True,
    )
    return Round(**json.loads(done.stdout))


@contextmanager
def one_process(folder: Path) -> Iterator[Running]:
    """Run the whole server in one process."""
    port = free_port()
    own = {"CRATEDIG_DATA": str(folder), "CRATEDIG_PORT": str(port)}
    with running({"embedded": own}, folder, port) as server:
        yield server


@contextmanager
def several_processes(folder: Path, *, library_database: str | None = None) -> Iterator[Running]:
    """Run gateway, library and ingest as processes, on files and SQLite or the given database."""
    ports = {name: free_port() for name in ("gateway", "library", "internal", "ingest")}
    url = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    shared = {
        "KIT_BUS_URL": "memory://",
        "KIT_OBJECTS_URL": f"file://{folder / 'objects'}",
        "KIT_OBJECTS_SIGNING_SECRET": secrets.token_urlsafe(48),
        "KIT_INTERNAL_SECRET": secrets.token_urlsafe(48),
        "KIT_GATEWAY_URL": url["gateway"],
        "KIT_LIBRARY_URL": url["library"],
        "KIT_LIBRARY_INTERNAL_URL": url["internal"],
    }
    parts = {
        "services.library": {
            **shared,
            "LIBRARY_PORT": str(ports["library"]),
            "LIBRARY_INTERNAL_PORT": str(ports["internal"]),
            "LIBRARY_DATABASE_URL": library_database
            or f"sqlite+aiosqlite:///{folder / 'library.db'}",
        },
        "gateway": {
            **shared,
            "GATEWAY_PORT": str(ports["gateway"]),
            "GATEWAY_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'gateway.db'}",
        },
        "services.ingest": {**shared, "KIT_HEALTH_PORT": str(ports["ingest"])},
    }
    with running(parts, folder, ports["gateway"]) as server:
        yield server


@contextmanager
def running(parts: dict[str, dict[str, str]], folder: Path, port: int) -> Iterator[Running]:
    """Start modules as processes, wait until the server is ready, stop them at the end."""
    url = f"http://127.0.0.1:{port}"
    pids = []
    with ExitStack() as stack:
        for module, environment in parts.items():
            log = stack.enter_context((folder / f"{module}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                # What is measured is the way, not the limit of one account.
                env={**os.environ, **environment, "GATEWAY_REQUESTS_PER_MINUTE": "100000000"},
                stdout=log,
                stderr=log,
            )
            pids.append(process.pid)
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        deadline = time.monotonic() + 60
        while not ready(url):
            if time.monotonic() > deadline:
                logs = "\n".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
                raise RuntimeError(f"the server did not start:\n{logs}")
            time.sleep(0.2)
        yield Running(url, tuple(pids))


def ready(url: str) -> bool:
    """Return whether a server is ready."""
    try:
        return httpx.get(f"{url}/readyz", timeout=2.0).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
