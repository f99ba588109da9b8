"""Whole servers for tests: in one process, or every service its own process on real servers."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cratedig import Client, Credentials
from deploy.servers.state import free_ports
from tests.support.timeouts import HANG_TIMEOUT

ROOT = Path(__file__).parents[2]
WORKERS = ("ingest", "midi")
FAST = {
    "KIT_LEASE": "2",
    "KIT_HEARTBEAT": "0.3",
    "KIT_POLL": "0.5",
    "KIT_GRACE": "5",
    "KIT_LOG_LEVEL": "INFO",
    "KIT_PINNED_WEIGHTS": "true",
    "GATEWAY_REQUESTS_PER_MINUTE": "10000000",
    "GATEWAY_LOGINS_PER_MINUTE": "100000",
    "GATEWAY_ACCOUNTS_PER_HOUR": "1000000",
}
"""Short timeouts for tests, and limits that they do not reach."""
MANY_PROCESSES = {"KIT_LEASE": "10", "KIT_HEARTBEAT": "1"}
"""On few processors a live process may be silent for seconds."""


def free_port() -> int:
    """Return a free port of the loopback address."""
    return free_ports(1)[0]


def eventually(condition: Callable[[], bool], *, within: float = HANG_TIMEOUT, what: str) -> None:
    """Poll until a condition holds; fail with a message at the timeout."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about within {within:g} s")
        time.sleep(0.05)


@dataclass(slots=True)
class Part:
    """One process of a server."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: Path
    url: str
    """The base URL of its `/readyz`."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where it logs."""
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ready(self) -> bool:
        """Return whether it is ready now; fail if it has ended."""
        if self.process and self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{self.tail()}")
        try:
            return httpx.get(f"{self.url}/readyz", timeout=10.0).is_success
        except httpx.TransportError:
            return False

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Kill it with SIGKILL; its children must notice by themselves."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(HANG_TIMEOUT)

    def stop(self, *, within: float = HANG_TIMEOUT) -> int:
        """Stop it with SIGTERM, and return its exit code."""
        if self.process is None:
            return 0
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {within:g} s") from None

    def engines(self, word: str | None = None) -> set[int]:
        """Return the ids of its engine processes, of one task if a word is given."""
        pids = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
                command = stat.with_name("cmdline").read_bytes()
            except OSError:
                continue
            mine = self.process is not None and int(fields[1]) == self.process.pid
            arguments = command.decode().rstrip("\0").split("\0")
            child = "kit.worker.child" in arguments and word in (None, arguments[-1])
            if mine and child and fields[0] not in "ZX":
                pids.add(int(stat.parent.name))
        return pids

    def tail(self, lines: int = 40) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-lines:])


@dataclass(slots=True)
class RunningServer:
    """The processes of one server, with one public address."""

    url: str
    folder: Path
    parts: dict[str, Part] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)
    administrator: Client | None = None
    """The first account, if a test needs one."""

    def start(self) -> None:
        """Start every part and wait until the server is ready."""
        for part in self.parts.values():
            part.start()
        self.until_ready()

    def until_ready(self) -> None:
        """Wait until every part is ready."""
        try:
            eventually(self.ready, what="the server being ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None

    def logs(self) -> str:
        """Return the end of every part's log, and the exit code of each that has ended."""
        return "\n".join(
            f"--- {part.name}, exit code {part.process and part.process.poll()}\n{part.tail()}"
            for part in self.parts.values()
        )

    def ready(self) -> bool:
        """Return whether every part is ready now; fail where one has ended."""
        # Check each of them, so that an ended one is noticed.
        answers = [part.ready() for part in self.parts.values()]
        return all(answers)

    def stop(self) -> None:
        """Stop every part, workers first, and close the clients."""
        while self.clients:
            self.clients.pop().close()
        for part in reversed(self.parts.values()):
            part.signal(signal.SIGTERM)
        for part in reversed(self.parts.values()):
            part.stop()

    def client(self) -> Client:
        """Return a client without an account."""
        client = Client(Credentials(self.url), save=lambda _: None)
        self.clients.append(client)
        return client

    def user(self, name: str = "user") -> Client:
        """Return a client of a new account."""
        client = self.client()
        client.account.create(
            f"{name}-{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16)
        )
        return client


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KIT_", "GATEWAY_", "LIBRARY_", "CRATEDIG_"))
    }
    kept.pop("KIT_WEIGHTS_DIR", None)
    if "KIT_WEIGHTS_DIR" in os.environ:
        kept["KIT_WEIGHTS_DIR"] = os.environ["KIT_WEIGHTS_DIR"]
    return {**kept, **FAST, **extra, "PYTHONUNBUFFERED": "1"}


def embedded_server(folder: Path, *, extra: Mapping[str, str] | None = None) -> RunningServer:
    """Return a server in one process on a data folder of its own, not yet started."""
    port = free_port()
    environment = _environment(
        {"CRATEDIG_DATA": str(folder / "data"), "CRATEDIG_PORT": str(port), **(extra or {})}
    )
    url = f"http://127.0.0.1:{port}"
    part = Part("server", [sys.executable, "-m", "embedded"], environment, folder, url)
    return RunningServer(url, folder, {"server": part})


def cluster_server(
    folder: Path,
    servers: Mapping[str, str],
    *,
    workers: int = 1,
    libraries: int = 1,
    words: Sequence[str] = WORKERS,
    extra: Mapping[str, str] | None = None,
) -> RunningServer:
    """Return a server of one process for each service on real servers, not yet started.

    Parameters
    ----------
    servers
        The settings that `python -m deploy.servers env` prints, with databases of its own.
    words
        The kinds of workers.
    """
    gateway, public, internal = free_ports(3)
    shared = {
        **servers,
        "KIT_LIBRARY_URL": f"http://127.0.0.1:{public}",
        "KIT_LIBRARY_INTERNAL_URL": f"http://127.0.0.1:{internal}",
        "KIT_GATEWAY_URL": f"http://127.0.0.1:{gateway}",
        "KIT_INTERNAL_SECRET": "cluster-tests-" + "x" * 32,
        "KIT_SCRATCH_DIR": str(folder),
        **(extra or {}),
    }
    server = RunningServer(f"http://127.0.0.1:{gateway}", folder)

    def add(name: str, module: str, port: int, own: Mapping[str, str]) -> None:
        environment = _environment({**MANY_PROCESSES, **shared, **own})
        command = [sys.executable, "-m", module]
        server.parts[name] = Part(name, command, environment, folder, f"http://127.0.0.1:{port}")

    add("gateway", "gateway", gateway, {"GATEWAY_PORT": str(gateway)})
    for number in range(libraries):
        ports = (public, internal) if number == 0 else (free_port(), free_port())
        own = {"LIBRARY_PORT": str(ports[0]), "LIBRARY_INTERNAL_PORT": str(ports[1])}
        add(f"library{number}", "services.library", ports[0], own)
    for word in words:
        for number in range(workers):
            port = free_port()
            add(f"{word}{number}", f"services.{word}", port, {"KIT_HEALTH_PORT": str(port)})
    return server


@contextmanager
def running(server: RunningServer) -> Iterator[RunningServer]:
    """Start a server and stop it at the end, whatever happens."""
    server.start()
    try:
        yield server
    except Exception as error:
        error.add_note(server.logs())
        raise
    finally:
        for part in server.parts.values():
            part.signal(signal.SIGCONT)
        server.stop()
