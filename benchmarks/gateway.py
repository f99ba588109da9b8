"""Requests a second and their p99 through gateway and library, beside `/healthz` of the same run.

Once with the whole house in one process, once with gateway and library as processes. The generator
is a closed loop of raw HTTP/1.1 connections on the same machine; it takes its share of the cores.
`CPU ms` is what the house's processes spend on one request: it does not depend on who else works.
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx

from cratedig import Client, Credentials
from tests.support.house import ROOT, free_port

CONNECTIONS = 16
WARM_UP = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """A house that runs: its address and its processes."""

    url: str
    pids: tuple[int, ...]

    def cpu(self) -> float:
        """Return the seconds of processor time that it has used so far, or 0 where none tells."""
        try:
            fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1] for pid in self.pids]
        except OSError:
            return 0.0
        ticks = sum(int(one.split()[11]) + int(one.split()[12]) for one in fields)
        return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one round gave; times in ms."""

    rate: float
    median: float
    p99: float
    cpu: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3, help="the median is shown")
    parser.add_argument("--only", choices=("one", "several"), help="one process, or several")
    chosen = parser.parse_args()
    for name, house in (("one", one_process), ("several", several_processes)):
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory() as folder, house(Path(folder)) as found:
                print(f"\n{name} process{'es' if name == 'several' else ''}:", flush=True)
                measure(found, seconds=chosen.seconds, rounds=chosen.rounds)


def measure(house: Running, *, seconds: float, rounds: int) -> None:
    """Print the figures of a house."""
    client = Client(Credentials(house.url), save=lambda _: None)
    client.signup(f"{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16))
    content = secrets.token_bytes(1000)
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(content)
        file.flush()
        item = str(client.upload(Path(file.name)).item)
    token = client.credentials.access_token
    # Bytes that are there already: one row is written, and nothing is left to send.
    known = {"name": "a.wav", "size": len(content), "sha256": sha256(content).hexdigest()}

    def posting() -> bytes:
        return request("POST", "/v1/uploads", token, json.dumps(known).encode())

    def getting(path: str, bearer: str = "") -> Callable[[], bytes]:
        made = request("GET", path, bearer)
        return lambda: made

    cases = {
        "GET /healthz": getting("/healthz"),
        "GET /v1/items": getting("/v1/items?limit=20", token),
        "GET /v1/items/{item}": getting(f"/v1/items/{item}", token),
        "GET /v1/account": getting("/v1/account", token),
        "POST /v1/uploads": posting,
    }
    found: dict[str, list[Figures]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, make in cases.items():
            found[name].append(asyncio.run(load(house, make, seconds=seconds)))
    base = statistics.median(one.rate for one in found["GET /healthz"])
    print(f"  {'':<22}{'per second':>11}{'÷ healthz':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}")
    for name, all_ in found.items():
        rate = statistics.median(one.rate for one in all_)
        p50, p99 = (
            statistics.median(c) for c in zip(*((o.median, o.p99) for o in all_), strict=True)
        )
        cpu = statistics.median(one.cpu for one in all_)
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


async def load(house: Running, make: Callable[[], bytes], *, seconds: float) -> Figures:
    """Ask as fast as it is answered."""
    host, port = house.url.removeprefix("http://").split(":")
    times: list[float] = []
    begin = time.perf_counter() + WARM_UP
    end = begin + seconds
    asked = 0
    used = house.cpu()

    async def ask() -> None:
        nonlocal asked
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            while (began := time.perf_counter()) < end:
                writer.write(make())
                await answer(reader)
                asked += 1
                if began >= begin:
                    times.append(time.perf_counter() - began)
        finally:
            writer.close()
            await writer.wait_closed()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    ordered = sorted(times)
    return Figures(
        rate=len(times) / seconds,
        median=1000 * statistics.median(ordered),
        p99=1000 * ordered[int(0.99 * (len(ordered) - 1))],
        cpu=1000 * (house.cpu() - used) / asked,
    )


async def answer(reader: asyncio.StreamReader) -> None:
    """Read one answer; anything but a success ends the benchmark."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    if b"content-length" in fields:
        body = await reader.readexactly(int(fields[b"content-length"]))
    else:
        body = b""
        while size := int((await reader.readline()).strip() or b"0", 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    if status >= 300:
        raise RuntimeError(f"{status}: {body[:300]!r}")


@contextmanager
def one_process(folder: Path) -> Iterator[Running]:
    """Run the whole house in one process."""
    port = free_port()
    own = {"CRATEDIG_DATA": str(folder), "CRATEDIG_PORT": str(port)}
    with running({"embedded": own}, folder, port) as found:
        yield found


@contextmanager
def several_processes(folder: Path) -> Iterator[Running]:
    """Run gateway and library as processes of their own, on SQLite and a folder."""
    ports = {name: free_port() for name in ("gateway", "library", "internal")}
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
            "LIBRARY_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'library.db'}",
        },
        "gateway": {
            **shared,
            "GATEWAY_PORT": str(ports["gateway"]),
            "GATEWAY_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'gateway.db'}",
        },
    }
    with running(parts, folder, ports["gateway"]) as found:
        yield found


@contextmanager
def running(parts: dict[str, dict[str, str]], folder: Path, port: int) -> Iterator[Running]:
    """Start modules as processes, wait until the house is ready, stop them at the end."""
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
                raise RuntimeError(f"the house did not start:\n{logs}")
            time.sleep(0.2)
        yield Running(url, tuple(pids))


def ready(url: str) -> bool:
    """Return whether a house is ready."""
    try:
        return httpx.get(f"{url}/readyz", timeout=2.0).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
