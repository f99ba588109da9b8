"""Processes that outlive the command which starts them, known by pid and time of birth."""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.servers.base import Launch


@dataclass(frozen=True, slots=True)
class Running:
    """A started process; its time of birth distinguishes it from a later one with the same pid."""

    pid: int
    birth: str


def spawn(launch: Launch, *, folder: Path, log: Path) -> Running:
    """Start a process in a session of its own, its output appended to a file."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 The commands are written in this package.
            launch.command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | launch.environment,
            start_new_session=True,
        )
    running = Running(process.pid, birth_of(process.pid))
    # The process is meant to stay: without this, Python warns when it drops the handle.
    process.returncode = 0
    return running


def birth_of(pid: int) -> str:
    """Return when a process began, in the system's format; empty if it has ended."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # A dead child of this very process is no longer there.
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            # The name in parentheses may hold spaces; state is field 3, the start time 22.
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    shown = subprocess.run(  # noqa: S603
        ("/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)),
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return "" if shown.startswith("Z") else shown.partition(" ")[2].strip()


def alive(running: Running) -> bool:
    """Return whether the started process still runs."""
    return bool(running.birth) and birth_of(running.pid) == running.birth


def stop(running: Running, *, number: int, timeout: float) -> bool:
    """Send a signal, wait, and kill what is left; return whether killing was needed."""
    if not send(running, number):
        return False
    if wait_for_exit(running, timeout):
        return False
    kill(running)
    return True


def kill(running: Running) -> None:
    """Kill a process and wait until it has exited."""
    if send(running, signal.SIGKILL):
        wait_for_exit(running, 10.0)


def send(running: Running, number: int) -> bool:
    """Send a signal to a process if it is still the one that was started."""
    if not alive(running):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, number)
    return True


def wait_for_exit(running: Running, timeout: float) -> bool:
    """Return whether a process has exited within the timeout."""
    until = time.monotonic() + timeout
    while alive(running):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
