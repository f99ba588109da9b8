"""Starting and stopping servers: only our own processes, whatever the state file says."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.servers import fleet, processes, tools
from deploy.servers.__main__ import main
from deploy.servers.base import Launch, ServerError
from deploy.servers.kafka import Kafka
from deploy.servers.objectstore import ObjectStoreServer
from deploy.servers.postgres import Postgres
from deploy.servers.processes import Running, alive, birth_of, spawn, stop
from deploy.servers.state import load, locked
from tests.support.postgres import url_as

SLEEPER = Launch((sys.executable, "-c", "import signal; signal.pause()"), {})
STUBBORN = Launch(
    (
        *(sys.executable, "-c"),
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)\n"
        "while True: signal.pause()",
    ),
    {},
)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Running]:
    running = spawn(SLEEPER, folder=tmp_path, log=tmp_path / "log")
    yield running
    processes.kill(running)


def test_a_process_is_known_by_its_birth(sleeper: Running) -> None:
    assert alive(sleeper)
    other = replace(sleeper, birth=sleeper.birth + "0")
    assert not alive(other)
    assert not stop(other, number=signal.SIGTERM, timeout=1)
    assert alive(sleeper)
    assert not stop(sleeper, number=signal.SIGTERM, timeout=10)
    assert not alive(sleeper)
    assert birth_of(sleeper.pid) == ""


def test_what_does_not_stop_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    running = spawn(STUBBORN, folder=tmp_path, log=log)
    while not log.read_bytes():
        assert alive(running)
    assert stop(running, number=signal.SIGTERM, timeout=0.2)
    assert not alive(running)


def test_down_leaves_strangers_alone_and_may_be_repeated(tmp_path: Path, sleeper: Running) -> None:
    with locked(tmp_path) as state:
        state.of("kafka").running = replace(sleeper, birth="1")
        state.of("postgres").running = Running(os.getpid(), "1")
        state.of("objects").running = Running(2**22 + 1, "1")
    lines: list[str] = []
    fleet.down(lines.append, tmp_path)
    fleet.down(lines.append, tmp_path)
    assert lines == []
    assert alive(sleeper)
    assert set(fleet.status(tmp_path).values()) == {"down"}


def test_down_stops_what_is_ours(tmp_path: Path, sleeper: Running) -> None:
    with locked(tmp_path) as state:
        state.of("kafka").running = sleeper
    lines: list[str] = []
    fleet.down(lines.append, tmp_path)
    assert lines == ["kafka stopped"]
    assert not alive(sleeper)


def test_down_where_nothing_ever_ran_makes_nothing(tmp_path: Path) -> None:
    fleet.down(print, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"servers": {"kafka": {}}}', "\x00"])
def test_a_damaged_state_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / ".services").mkdir()
    (tmp_path / ".services" / "state.json").write_text(content)
    assert load(tmp_path).servers == {}


def test_ports_and_secrets_stay_and_are_for_this_user_only(tmp_path: Path) -> None:
    server = ObjectStoreServer()
    with locked(tmp_path) as state:
        state.assign(server)
    before = load(tmp_path).of("objects")
    with locked(tmp_path) as state:
        state.assign(server)
    assert load(tmp_path).of("objects") == before
    assert (tmp_path / ".services" / "state.json").stat().st_mode & 0o077 == 0


def test_two_checkouts_get_ports_of_their_own(tmp_path: Path) -> None:
    ports: list[int] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with locked(tmp_path / name) as state:
            state.assign(Kafka())
            ports += state.of("kafka").ports.values()
    assert len(set(ports)) == 4


@pytest.mark.parametrize("program", ["java", "mvn", "go"])
def test_a_missing_program_is_named_with_how_to_get_it(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ServerError, match=rf"`{program}` is missing: .* To install it: "):
        tools.require(program)


def test_what_was_built_half_is_built_again(tmp_path: Path) -> None:
    target = tmp_path / "kafka-1"

    def interrupted() -> None:
        with tools.building(target, print) as draft:
            assert draft is not None
            (draft / "half").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert not target.exists()
    with tools.building(target, print) as draft:
        assert draft is not None
        assert list(draft.iterdir()) == []
    with tools.building(target, print) as draft:
        assert draft is None


def test_a_failed_build_shows_its_output(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; print('no such artifact'); sys.exit(3)")
    with pytest.raises(ServerError, match="status 3:\nno such artifact"):
        tools.run_shown(command, label="building", say=lambda line: None, folder=tmp_path)


def test_an_unknown_server_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ServerError, match="postgres, objects, kafka"):
        fleet.find("redis")


def test_the_command_line_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["kill", "redis"])
    assert "invalid choice" in capsys.readouterr().err


def test_postgres_makes_its_folder_starts_and_survives_a_kill(tmp_path: Path) -> None:
    server, secrets = Postgres(), {"password": "secret"}
    with locked(tmp_path) as state:
        state.assign(server)
        ports = state.of("postgres").ports
    folder = tmp_path / "postgres"
    folder.mkdir()
    for _ in range(2):
        launch = server.prepare(folder, ports, secrets)
        running = spawn(launch, folder=folder, log=tmp_path / "log")
        try:
            while not server.healthy(ports):
                if not alive(running):
                    assert server.is_transient((tmp_path / "log").read_text())
                    running = spawn(launch, folder=folder, log=tmp_path / "log")
            server.initialise(folder, ports, secrets)
            server.initialise(folder, ports, secrets)
            lines = server.environment(ports, secrets)
            for name, role in (("DATABASE", "library"), ("MIGRATION", "library_owner")):
                address = lines[f"LIBRARY_{name}_URL"]
                assert address == url_as(f"{lines['KIT_DATABASE_URL']}/library", role)
        finally:
            processes.kill(running)
