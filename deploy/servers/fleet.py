"""All servers of a checkout: start, stop, kill and find them."""

import time
from pathlib import Path

from deploy.servers.base import Launch, Say, Server, ServerError
from deploy.servers.kafka import Kafka
from deploy.servers.objectstore import ObjectStoreServer
from deploy.servers.postgres import Postgres
from deploy.servers.processes import Running, alive, kill, spawn, stop
from deploy.servers.state import CHECKOUT, State, load, locked

SERVERS: tuple[Server, ...] = (Postgres(), ObjectStoreServer(), Kafka())
START_TIMEOUT = 300.0
"""Longest wait in seconds for a started server to answer; an exited one is not waited for."""
STOP_TIMEOUT = 20.0
"""Longest wait in seconds for a server to stop in good order."""


def find(name: str) -> Server:
    """Return a server by its name."""
    for server in SERVERS:
        if server.name == name:
            return server
    names = ", ".join(server.name for server in SERVERS)
    raise ServerError(f"there is no server named {name!r}; there are {names}")


def up(say: Say, root: Path = CHECKOUT) -> None:
    """Fetch what is missing, start what does not run, and wait until all answer."""
    for server in SERVERS:
        server.fetch(say)
    with locked(root) as state:
        waiting = [
            (server, _launch(server, state)) for server in SERVERS if not _is_running(server, state)
        ]
        for server, launch in waiting:
            _wait_until_healthy(server, launch, state, say)


def start(name: str, say: Say, root: Path = CHECKOUT) -> None:
    """Start one server, on the ports it had."""
    server = find(name)
    server.fetch(say)
    with locked(root) as state:
        if _is_running(server, state):
            say(f"{name} runs already")
        else:
            _wait_until_healthy(server, _launch(server, state), state, say)


def down(say: Say, root: Path = CHECKOUT) -> None:
    """Stop every server that runs; data, ports and passwords stay for the next time."""
    if not (root / ".services").exists():
        return
    with locked(root) as state:
        for server in reversed(SERVERS):
            running = state.of(server.name).running
            if running is not None and alive(running):
                forced = stop(running, number=server.stop_signal, timeout=STOP_TIMEOUT)
                say(f"{server.name} {'had to be killed' if forced else 'stopped'}")
            state.of(server.name).running = None
            state.save()


def kill_now(name: str, root: Path = CHECKOUT) -> None:
    """Kill one server without warning, as a power cut would."""
    server = find(name)
    with locked(root) as state:
        running = state.of(server.name).running
        if running is None or not alive(running):
            raise ServerError(f"{name} does not run")
        kill(running)
        state.of(server.name).running = None


def status(root: Path = CHECKOUT) -> dict[str, str]:
    """Return each server's state in words."""
    state = load(root)
    words = {}
    for server in SERVERS:
        server_state = state.of(server.name)
        if server_state.running is None or not alive(server_state.running):
            words[server.name] = "down"
        else:
            health = "up" if server.healthy(server_state.ports) else "does not answer"
            words[server.name] = (
                f"{health}, port {server_state.ports['clients']}, pid {server_state.running.pid}"
            )
    return words


def environment(root: Path = CHECKOUT) -> dict[str, str]:
    """Return the settings by which services find the servers.

    Raises
    ------
    ServerError
        One of them does not run.
    """
    state = load(root)
    variables: dict[str, str] = {}
    for server in SERVERS:
        server_state = state.of(server.name)
        if server_state.running is None or not alive(server_state.running):
            raise ServerError(f"{server.name} does not run: `make services-up` starts it")
        variables |= server.environment(server_state.ports, server_state.secrets)
    return variables


def _is_running(server: Server, state: State) -> bool:
    """Return whether a server runs and answers; kill one that runs and never answers."""
    server_state = state.of(server.name)
    if server_state.running is None or not alive(server_state.running):
        return False
    until = time.monotonic() + START_TIMEOUT
    while alive(server_state.running):
        if server.healthy(server_state.ports):
            return True
        if time.monotonic() > until:
            kill(server_state.running)
        time.sleep(0.2)
    return False


def _launch(server: Server, state: State) -> Launch:
    """Start a server's process and record it in the state file."""
    server_state = state.of(server.name)
    state.assign(server)
    folder = state.folder / server.name
    folder.mkdir(exist_ok=True)
    launch = server.prepare(folder, server_state.ports, server_state.secrets)
    _log(server, state).write_bytes(b"")
    _spawn(server, launch, state)
    return launch


def _spawn(server: Server, launch: Launch, state: State) -> Running:
    running = spawn(launch, folder=state.folder / server.name, log=_log(server, state))
    state.of(server.name).running = running
    state.save()
    return running


def _wait_until_healthy(server: Server, launch: Launch, state: State, say: Say) -> None:
    """Wait until a server answers, restarting it if its log shows a passing failure."""
    server_state = state.of(server.name)
    running = server_state.running
    began = time.monotonic()
    while True:
        if running is None or not alive(running):
            tail = _log(server, state).read_text(errors="replace")[-3000:]
            if not server.is_transient(tail) or time.monotonic() > began + START_TIMEOUT:
                raise ServerError(f"{server.name} did not start:\n{tail[-1500:].strip()}")
            time.sleep(0.5)
            running = _spawn(server, launch, state)
        elif server.healthy(server_state.ports):
            break
        elif time.monotonic() > began + START_TIMEOUT:
            log = _log(server, state)
            raise ServerError(f"{server.name} does not answer after {START_TIMEOUT:.0f} s: {log}")
        else:
            time.sleep(0.1)
    server.initialise(state.folder / server.name, server_state.ports, server_state.secrets)
    say(f"{server.name} is up on 127.0.0.1:{server_state.ports['clients']}")


def _log(server: Server, state: State) -> Path:
    return state.folder / f"{server.name}.log"
