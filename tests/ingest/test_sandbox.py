"""What a confined program cannot do: each thing is tried by a program that really tries."""

import sys
from pathlib import Path

import pytest

from contracts.ingest import RejectionReason
from kit.worker.outcomes import Rejected
from services.ingest import sandbox as sandboxes
from services.ingest.engine import ConfinedFfmpeg
from services.ingest.sandbox import Confined, Order, Sandbox

SECRET = "the canary sings"


def run(
    sandbox: Sandbox,
    folder: Path,
    code: str,
    *,
    reads: tuple[Path, ...] = (),
    cpu: tuple[float, float] = (20.0, 20.0),
    memory: int = 1 << 30,
) -> tuple[int, str, str]:
    """Run Python code confined; return its exit code, what it printed, and its log."""
    order = Order(
        program=[sys.executable, "-I", "-S", "-c", code],
        reads=[Path(sys.base_prefix), Path(sys.prefix), Path(sys.executable).resolve(), *reads],
        folder=folder,
        cpu=cpu,
        memory=memory,
    )
    with Confined(sandbox, order) as running:
        output = b"".join(running.chunks())
        return running.finish(), output.decode(), running.log


@pytest.fixture
def sandbox(engine: ConfinedFfmpeg) -> Sandbox:
    return engine.sandbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    output = tmp_path / "private"
    output.mkdir()
    return output


def require_layers(sandbox: Sandbox, *layers: str) -> None:
    if not set(layers) & set(sandbox.layers):
        pytest.skip(f"this system allows none of: {', '.join(layers)}")


def test_the_engines_name_lists_the_layers_of_its_sandbox(engine: ConfinedFfmpeg) -> None:
    for layer in engine.sandbox.layers:
        assert layer in engine.name
    assert "does not allow" in Sandbox().description
    assert "no sockets" in Sandbox(("seccomp",)).description.split(". ")[0]


def test_it_has_an_empty_environment_and_no_input(sandbox: Sandbox, folder: Path) -> None:
    code = "import os, sys; print(dict(os.environ), sys.stdin.read() == '')"
    # Python itself sets LC_CTYPE in the C locale.
    assert run(sandbox, folder, code)[:2] in (
        (0, "{} True\n"),
        (0, "{'LC_CTYPE': 'C.UTF-8'} True\n"),
    )


def test_it_has_no_network(sandbox: Sandbox, folder: Path) -> None:
    require_layers(sandbox, "namespaces", "seccomp")
    code = (
        "import socket\n"
        "try:\n socket.create_connection(('127.0.0.1', 9), 1)\n"
        "except OSError as error: print(type(error).__name__, error.errno)"
    )
    output = run(sandbox, folder, code)[1]
    assert output.split()[1] in ("1", "101")  # Not permitted, or no network: never "refused".


def test_it_opens_nothing_but_its_input(sandbox: Sandbox, folder: Path, tmp_path: Path) -> None:
    require_layers(sandbox, "landlock")
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    allowed.write_text("input")
    secret.write_text(SECRET)
    code = (
        f"print(open({str(allowed)!r}).read())\n"
        f"for path in ({str(secret)!r}, '/etc/passwd', '/proc/self/environ'):\n"
        " try: print(open(path).read())\n"
        " except OSError as error: print('denied')"
    )
    output = run(sandbox, folder, code, reads=(allowed,))[1]
    assert output == "input\ndenied\ndenied\ndenied\n"


def test_it_writes_nothing(sandbox: Sandbox, folder: Path, tmp_path: Path) -> None:
    code = (
        f"for path in ('here', {str(tmp_path / 'there')!r}):\n"
        " try:\n"
        "  with open(path, 'wb') as file: file.write(b'x' * 4096)\n"
        " except OSError: print('denied')"
    )
    run(sandbox, folder, code)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(path.stat().st_size for path in left)


def test_it_starts_no_process(sandbox: Sandbox, folder: Path) -> None:
    require_layers(sandbox, "seccomp")
    code = (
        "import os\n"
        "try:\n if os.fork() == 0: os._exit(0)\n print('forked')\n"
        "except OSError: print('denied')"
    )
    assert run(sandbox, folder, code)[1] == "denied\n"


def test_it_signals_nobody(sandbox: Sandbox, folder: Path) -> None:
    require_layers(sandbox, "seccomp")
    code = (
        "import os\n"
        "try:\n os.kill(os.getppid(), 0)\n print('reached')\n"
        "except OSError: print('denied')"
    )
    assert run(sandbox, folder, code)[1] == "denied\n"


def test_threads_are_still_allowed(sandbox: Sandbox, folder: Path) -> None:
    code = (
        "import threading\n"
        "thread = threading.Thread(target=lambda: print('worked'))\n"
        "thread.start(); thread.join()"
    )
    assert run(sandbox, folder, code)[1] == "worked\n"


def test_its_memory_is_bounded(sandbox: Sandbox, folder: Path) -> None:
    code, _, log = run(sandbox, folder, "bytearray(2 << 30)")
    assert code != 0
    assert "MemoryError" in log


def test_its_cpu_is_bounded(sandbox: Sandbox, folder: Path) -> None:
    code, _, _ = run(sandbox, folder, "print('on', flush=True)\nwhile True: pass", cpu=(1.0, 1.0))
    assert code in (-24, -9)


def test_it_is_killed_when_nothing_comes(
    sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A constant, made small so that the test need not wait.
    monkeypatch.setattr(sandboxes, "PATIENCE", 0.5)
    monkeypatch.setattr(sandboxes, "_BUSY", 0.0)
    with pytest.raises(Rejected) as caught:
        run(sandbox, folder, "while True: pass")
    assert caught.value.reason == RejectionReason.TIMEOUT


def test_a_sandbox_that_cannot_be_built_is_our_fault(sandbox: Sandbox, folder: Path) -> None:
    order = Order(program=["/nowhere/ffmpeg"], reads=[], folder=folder)
    with Confined(sandbox, order) as running:
        assert b"".join(running.chunks()) == b""
        with pytest.raises(RuntimeError, match="the sandbox cannot be built"):
            running.finish()


def test_leaving_ends_the_process(sandbox: Sandbox, folder: Path) -> None:
    order = Order(
        program=[sys.executable, "-I", "-S", "-c", "print('on', flush=True)\nwhile True: pass"],
        reads=[Path(sys.base_prefix), Path(sys.prefix), Path(sys.executable).resolve()],
        folder=folder,
    )
    with Confined(sandbox, order) as running:
        assert next(running.chunks()) == b"on\n"
        assert Path(f"/proc/{running.pid}").exists()
    assert not Path(f"/proc/{running.pid}").exists()
