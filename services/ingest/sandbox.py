"""Run programs on untrusted bytes in a sandbox, with limits on time, memory and output.

A program gets an empty environment, a private folder, no standard input, resource limits, and every
layer of confinement that this system supports (see `confine.py`). It is killed at its time limit.
However it ends, the input is the cause and the job is rejected; only a sandbox that cannot be built
is a service error.
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
"""Address space of a sandboxed program in bytes."""
CPU_BASE: Seconds = 60.0
CPU_PER_SECOND = 0.1
"""CPU seconds allowed for each second of decoded audio."""
PATIENCE: Seconds = 12.0
"""Wall-clock seconds without output, beyond the duration of the decoded audio."""
_BUSY: Seconds = 2.0
"""A stalled program with less CPU time than this waited for a busy machine."""
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
    """Sandbox layers that this system supports.

    Parameters
    ----------
    layers
        Names of the active layers, besides limits and dropped privileges.
    """

    layers: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """Active and unsupported layers, for operators."""
        always = "an empty environment, no privileges, limits of memory, CPU, files and processes"
        held = "; ".join((always, *(_WORDS[name] for name in _WORDS if name in self.layers)))
        missing = "; ".join(_WORDS[name] for name in _WORDS if name not in self.layers)
        return held + (f". This system does not allow: {missing}" if missing else "")


def probe_sandbox() -> Sandbox:
    """Try every layer in a separate process and return the supported ones."""
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
        message = tried.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"the sandbox cannot be built: {message}") from error


@dataclass(frozen=True, slots=True)
class Order:
    """A program to run, with its limits.

    Parameters
    ----------
    program
        Path and arguments.
    reads
        Files it may open besides system libraries.
    folder
        Its private, empty working folder.
    cpu
        CPU seconds at the start, and the maximum that `allow` may raise them to.
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
    """A running sandboxed program; a context manager that kills it at exit."""

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
        """Its standard error output, at most 256 KiB."""
        return self._log.decode(errors="replace")

    def allow(self, seconds: Seconds) -> None:
        """Raise the time limits for a total of `seconds` of audio."""
        self._allowed = max(self._allowed, seconds)
        limit = min(self._hard, CPU_BASE + CPU_PER_SECOND * self._allowed)
        if limit >= self._soft + 30 and sys.platform == "linux":
            self._soft = limit
            with contextlib.suppress(ProcessLookupError):
                hard = resource.prlimit(self.pid, resource.RLIMIT_CPU)[1]
                resource.prlimit(self.pid, resource.RLIMIT_CPU, (int(limit), hard))

    def chunks(self) -> Iterator[bytes]:
        """Yield its standard output until it is closed.

        Raises
        ------
        Rejected
            There was no output for too long.
        Retryable
            There was no output, but the program had almost no CPU time.
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
                # Read standard error before standard output, in the order of writing.
                for key, _ in sorted(ready, key=lambda pair: pair[0].fileobj is out):
                    chunk = os.read(key.fd, _CHUNK if key.fileobj is out else 65_536)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is out:
                        yield chunk
                    else:
                        self._keep(chunk)

    def finish(self) -> int:
        """Wait for the exit code; a negative one is a signal.

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
            return Retryable(
                "busy",
                "The machine was too busy to open the file in time. Try again later.",
            )
        return Rejected(
            RejectionReason.TIMEOUT,
            "Decoding this file took far longer than its audio lasts, so it is probably damaged. "
            "Export it again, as WAV or FLAC.",
        )

    def _cpu_used(self) -> Seconds | None:
        """Return the CPU seconds it has used; `None` if the system does not report them."""
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
