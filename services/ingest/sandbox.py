"""Runs programs over untrusted bytes: confined, bounded in time, memory and output.

A program gets an empty environment, a private folder, no standard input, limits of its own, and
every layer of confinement that this system allows (see `confine.py`). It is killed when its time
is up, and whatever way it ends is a fact about the input, never a fault of the service; only a
sandbox that cannot be built is ours.
"""

import contextlib
import fcntl
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from contracts.ingest import RejectionReason
from contracts.music import Seconds
from kit.worker.outcomes import Rejected, Retryable
from services.ingest.confine import FAILED, MARK

MEMORY = 1 << 30
"""Address space of a confined program in bytes."""
CPU_BASE: Seconds = 60.0
CPU_PER_SECOND = 0.1
"""CPU seconds allowed for each second of sound that came out."""
PATIENCE: Seconds = 12.0
"""Wall-clock seconds without a byte, beyond the time that the sound itself would play."""
_BUSY: Seconds = 2.0
"""A stalled program that used less CPU than this waited for a busy machine, not for its input."""
_LOG = 256 << 10
_CHUNK = 1 << 20
_CONFINE = Path(__file__).with_name("confine.py")
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_WORDS = {
    "namespaces": "namespaces of its own (user, mount, IPC) without a network",
    "readonly": "every file system read-only",
    "landlock": "only its program and its input can be opened",
    "seccomp": "no sockets, processes or kernel interfaces",
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What this system can confine a program with.

    Parameters
    ----------
    layers
        Names of the layers in force, beyond limits and the loss of privileges.
    """

    layers: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """What is in force, and what is not, for an operator."""
        always = "an empty environment, no privileges, limits of memory, CPU, files and processes"
        held = "; ".join((always, *(_WORDS[name] for name in _WORDS if name in self.layers)))
        missing = "; ".join(_WORDS[name] for name in _WORDS if name not in self.layers)
        return held + (f". This system does not allow: {missing}" if missing else "")


def probe_sandbox() -> Sandbox:
    """Try every layer on a process of its own and return what holds."""
    tried = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", str(_CONFINE), "--check"],
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    try:
        return Sandbox(tuple(json.loads(tried.stdout)))
    except ValueError as error:
        said = tried.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"the sandbox cannot be built: {said}") from error


@dataclass(frozen=True, slots=True)
class Order:
    """What to run.

    Parameters
    ----------
    program
        Path and arguments.
    reads
        What it may open besides system libraries.
    folder
        Its private, empty working folder.
    cpu
        CPU seconds at the start, and the most that `allow` may raise them to.
    memory
        Address space in bytes.
    """

    program: Sequence[str]
    reads: Sequence[Path]
    folder: Path
    cpu: tuple[Seconds, Seconds] = (CPU_BASE, CPU_BASE)
    memory: int = MEMORY
    limits: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        soft, hard = (int(seconds) for seconds in self.cpu)
        limits = {
            "AS": [self.memory, self.memory],
            "CPU": [soft, hard + 1],
            "FSIZE": [0, 0],
            "CORE": [0, 0],
            "NOFILE": [64, 64],
            "STACK": [8 << 20, 8 << 20],
        }
        object.__setattr__(self, "limits", limits)


class Confined:
    """A confined program while it runs; a context manager that leaves no process behind."""

    def __init__(self, sandbox: Sandbox, order: Order) -> None:
        # Counted for this user in the namespace alone; without one, for all that it runs.
        processes = 64 if "namespaces" in sandbox.layers else 8192
        spec = {
            "parent": os.getpid(),
            "layers": list(sandbox.layers),
            "limits": order.limits | {"NPROC": [processes, processes]},
            "reads": [*_LIBRARIES, order.program[0], *(str(path) for path in order.reads)],
        }
        self._hard = order.cpu[1]
        self._soft = order.cpu[0]
        self._allowed: Seconds = 0.0
        self._waited: Seconds = 0.0
        self._log = bytearray()
        # No new session: who kills the worker's group must reach this one, too.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", str(_CONFINE), json.dumps(spec), *order.program],
            env={},
            cwd=order.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it wrote to its standard error, at most 256 KiB of it."""
        return self._log.decode(errors="replace")

    def allow(self, seconds: Seconds) -> None:
        """Grant the time that so much sound needs, in all."""
        self._allowed = max(self._allowed, seconds)
        wanted = min(self._hard, CPU_BASE + CPU_PER_SECOND * self._allowed)
        if wanted >= self._soft + 30 and sys.platform == "linux":
            self._soft = wanted
            with contextlib.suppress(ProcessLookupError):
                hard = resource.prlimit(self.pid, resource.RLIMIT_CPU)[1]
                resource.prlimit(self.pid, resource.RLIMIT_CPU, (int(wanted), hard))

    def chunks(self) -> Iterator[bytes]:
        """Yield its standard output as it comes, until it closes it.

        Raises
        ------
        Rejected
            Nothing came for too long.
        Retryable
            Nothing came, but the program was hardly given the time to work.
        """
        out, err = self._pipes()
        with selectors.DefaultSelector() as selector:
            for pipe in (out, err):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                before = time.monotonic()
                ready = selector.select(self._patience())
                self._waited += time.monotonic() - before
                if not ready:
                    raise self._stalled()
                # What it says goes before what it makes, as it was written.
                for key, _ in sorted(ready, key=lambda found: found[0].fileobj is out):
                    chunk = os.read(key.fd, _CHUNK if key.fileobj is out else 65_536)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is out:
                        yield chunk
                    else:
                        self._keep(chunk)

    def finish(self) -> int:
        """Wait for the end and return the exit code; negative is a signal.

        Raises
        ------
        RuntimeError
            The sandbox could not be built: the program never saw the input.
        """
        try:
            code = self._process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise self._stalled() from None
        if code == FAILED and self.log.startswith(MARK):
            raise RuntimeError(f"the sandbox cannot be built: {self.log.strip()}")
        return code

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        out, err = self._process.stdout, self._process.stderr
        if out is None or err is None:
            raise RuntimeError("a confined program has pipes")
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, _CHUNK)
        return out, err

    def _patience(self) -> Seconds:
        return max(0.0, PATIENCE + self._allowed - self._waited)

    def _stalled(self) -> Rejected | Retryable:
        used = self._cpu_used()
        if used is not None and used < _BUSY:
            return Retryable("busy", "The machine was too busy to open the file in time.")
        return Rejected(
            RejectionReason.TIMEOUT,
            "Opening this file took far longer than its sound would play. It is probably damaged: "
            "export it again, as WAV or FLAC.",
        )

    def _cpu_used(self) -> Seconds | None:
        """Return the CPU seconds it has used, where the system tells."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _keep(self, chunk: bytes) -> None:
        self._log += chunk[: max(0, _LOG - len(self._log))]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.wait()
