"""The page of the client library is true: its code runs, its session is what is printed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cratedig.credentials import save
from tests.support.running_server import ROOT, RunningServer
from tests.support.sounds import write_tone
from tests.system.test_sdk import CASES

pytestmark = pytest.mark.timeout(180)
README = (ROOT / "clients" / "python" / "README.md").read_text(encoding="utf-8")
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
VARIES = re.compile(
    rf"{UUID}|http://127\.0\.0\.1:\d+|\d{{4}}-\d\d-\d\d|(?<=trace )\w+|[\w-]{{40,}}|[\d.]+ k?M?B\b"
)
"""Ids, addresses, dates, secrets and sizes of compressed files differ from session to session."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def session() -> list[tuple[str, list[str]]]:
    """Return each command of the page with the lines that follow it."""
    commands: list[tuple[str, list[str]]] = []
    for line in "".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            commands.append((line.removeprefix("$ "), []))
        elif line:
            commands[-1][1].append(line)
    return commands


@pytest.fixture
def environment(server: RunningServer, tmp_path: Path) -> dict[str, str]:
    write_tone(tmp_path / "night drive.wav", seconds=12.0, frequency=220.0)
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CRATEDIG_CONFIG": str(tmp_path / "credentials.json"),
        "CRATEDIG_URL": server.url,
        "CRATEDIG_PASSWORD": "a password for the page",
    }


def test_the_code_runs(server: RunningServer, environment: dict[str, str], tmp_path: Path) -> None:
    save(server.user("reader").credentials, tmp_path / "credentials.json")
    for code in blocks("python"):
        command = [sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "onset_threshold" in done.stdout
    assert (tmp_path / "night drive.wav").is_file()
    assert list(tmp_path.glob("*.mid"))


def run(command: str, folder: Path, environment: dict[str, str]) -> list[str]:
    """Run a command of the page; return the lines that it prints, and its exit code if not 0."""
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # An empty last column leaves a tab.
    lines = [line.rstrip() for line in done.stdout.splitlines() if line]
    return [*lines, f"[exit code {done.returncode}]"] if done.returncode else lines


def test_the_session_is_what_is_printed(environment: dict[str, str], tmp_path: Path) -> None:
    real: dict[str, str] = {}
    shown: list[str] = []
    printed: list[str] = []
    for command, lines in session():
        typed = command
        for id_, real_id in real.items():
            typed = typed.replace(id_, real_id)
        answer = run(typed, tmp_path, environment)
        ids, real_ids = (re.findall(UUID, "\n".join(texts)) for texts in (lines, answer))
        real.update(zip(ids, real_ids, strict=False))
        shown += [f"$ {command}", *lines]
        printed += [f"$ {command}", *answer]
    same = [VARIES.sub("…", line) for line in shown] == [VARIES.sub("…", line) for line in printed]
    assert same, "\n".join(printed)


def test_the_page_lists_every_method() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", README, flags=re.MULTILINE)
    listed = {f"{name}.{method}" for name, cell in rows for method in re.findall(r"`(\w+)`", cell)}
    assert listed == set(CASES)
