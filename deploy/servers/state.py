"""The state of a checkout's servers: one small file, changed by one process at a time."""

import contextlib
import fcntl
import json
import random
import secrets
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.servers.base import Server
from deploy.servers.processes import Running

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = ".services"
SERVER_PORTS = range(10_000, 32_768)
"""Below those from which systems take ports for outgoing connections: one of these would keep a
server that was killed from coming back."""


@dataclass(slots=True)
class ServerState:
    """The recorded state of one server."""

    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    running: Running | None = None


@dataclass(slots=True)
class State:
    """The recorded state of all servers of one folder."""

    folder: Path
    servers: dict[str, ServerState]

    def of(self, name: str) -> ServerState:
        """Return the state of a server, empty at first."""
        return self.servers.setdefault(name, ServerState())

    def save(self) -> None:
        """Write the file; readers see the old or the new one, and only this user reads it."""
        path = self.folder / "state.json"
        draft = path.with_suffix(".part")
        content = {name: asdict(server) for name, server in self.servers.items()}
        draft.unlink(missing_ok=True)
        draft.touch(0o600)
        draft.write_text(json.dumps({"servers": content}, indent=2))
        draft.replace(path)

    def assign(self, server: Server) -> None:
        """Choose ports and secrets of a stopped server, the previous ones if they are free."""
        server_state = self.of(server.name)
        for name in server.secrets:
            server_state.secrets.setdefault(name, secrets.token_hex(16))
        if set(server_state.ports) != set(server.ports) or not all(
            map(_free, server_state.ports.values())
        ):
            server_state.ports = dict(zip(server.ports, free_ports(len(server.ports)), strict=True))


def load(root: Path = CHECKOUT) -> State:
    """Read the state of a checkout; an unreadable file counts as empty."""
    folder = root / FOLDER
    servers: dict[str, ServerState] = {}
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        content: dict[str, Any] = json.loads((folder / "state.json").read_text())["servers"]
        for name, entry in content.items():
            process = entry["running"]
            servers[name] = ServerState(
                {key: int(port) for key, port in entry["ports"].items()},
                {key: str(secret) for key, secret in entry["secrets"].items()},
                Running(int(process["pid"]), str(process["birth"])) if process else None,
            )
    return State(folder, servers)


@contextlib.contextmanager
def locked(root: Path = CHECKOUT) -> Iterator[State]:
    """Lock the state of the checkout's servers, and save it at the end."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = load(root)
        try:
            yield state
        finally:
            state.save()


def _free(port: int) -> bool:
    """Return whether nothing listens on a port (connections that linger do not matter)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address on which nothing listens, all different."""
    ports: set[int] = set()
    while len(ports) < count:
        port = random.choice(SERVER_PORTS)
        if _free(port):
            ports.add(port)
    return list(ports)
