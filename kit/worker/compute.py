"""Child processes as the worker sees them: start one, run jobs in it, kill it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.music import Seconds
from kit.observability.metrics import CHILD_STARTS
from kit.service import WorkerService
from kit.settings import child_environment
from kit.worker.child_protocol import (
    FROM_CHILD,
    ChildResult,
    Finished,
    FromChild,
    Load,
    Loaded,
    LoadRefused,
    Work,
)

LOG_TAIL = 60
"""Lines kept of a child's log, for operators."""
_LINE_LIMIT = 64 << 20
"""Maximum bytes of a child's message: a result with thousands of slices is large."""


@dataclass(frozen=True, slots=True)
class ChildDied:
    """The child process ended without sending a result."""

    code: int
    """The exit code; negative is the signal."""
    log: str

    @property
    def cause(self) -> str:
        """Its signal or exit code, for operators."""
        if self.code < 0:
            with contextlib.suppress(ValueError):
                return f"signal {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


async def open_channel(
    ours: socket.socket,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return streams over one end of a socket pair; closing the writer closes the socket."""
    # A socket and not a pipe. uvloop closes a pipe's descriptor itself, and the file object that
    # `connect_read_pipe` takes closes it a second time, when the number may already belong to a
    # database or a stored file. A socket is detached from its descriptor first.
    ours.setblocking(False)
    return await asyncio.open_connection(sock=ours, limit=_LINE_LIMIT)


class LoadFailed(Exception):
    """The engine cannot be loaded; the message says why."""


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """How to load a child's engine; see `EngineContext` for the fields."""

    weights: Mapping[str, Path]
    device: str
    threads: int
    segment: float = 1.0
    memory_mib: int = 0
    prefer: str = "auto"
    fallback: bool = False


class Child:
    """A child process with a loaded engine, in its own process group.

    A group, so that `kill` also reaches programs that the engine started. The environment contains
    none of the server's settings, so the child has no credentials.
    """

    def __init__(self, service: WorkerService, setup: EngineSetup, *, scratch: Path) -> None:
        self._service = service
        self._setup = setup
        self._scratch = scratch
        self._process: asyncio.subprocess.Process | None = None
        self._messages: asyncio.StreamReader | None = None
        self._channel: asyncio.StreamWriter | None = None
        self._log: deque[str] = deque(maxlen=LOG_TAIL)
        self._log_task: asyncio.Task[None] | None = None
        self._end_task: asyncio.Task[int] | None = None
        self.engine = ""
        """The engine's name, once loaded."""

    @property
    def setup(self) -> EngineSetup:
        """How its engine was loaded."""
        return self._setup

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.returncode is None

    async def start(self, *, within: Seconds = 300.0) -> None:
        """Start the process and wait until its engine is loaded.

        Raises
        ------
        LoadFailed
            The engine could not be loaded within `within` seconds; the process is killed.
        """
        ours, childs = socket.socketpair()
        CHILD_STARTS.labels(self._service.word).inc()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "kit.worker.child",
                str(childs.fileno()),
                str(os.getpid()),
                str(self._setup.memory_mib),
                self._service.word,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(childs.fileno(),),
                start_new_session=True,
                env=child_environment(self._setup.threads),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            childs.close()
        self._end_task = asyncio.create_task(self._end(self._process))
        self._messages, self._channel = await open_channel(ours)
        self._log_task = asyncio.create_task(self._keep_log())
        service = self._service
        self._send(
            Load(
                handler=service.handler,
                engine=service.engine,
                params=f"{service.params.__module__}:{service.params.__name__}",
                result=f"{service.result.__module__}:{service.result.__name__}",
                weights=dict(self._setup.weights),
                device=self._setup.device,
                threads=self._setup.threads,
                scratch=self._scratch,
                segment=self._setup.segment,
                prefer=self._setup.prefer,
                fallback=self._setup.fallback,
            ).model_dump_json()
        )
        try:
            async with asyncio.timeout(within):
                answer = await self._receive()
        except TimeoutError:
            answer = None
        match answer:
            case Loaded(engine=engine):
                self.engine = engine
            case LoadRefused(message=message):
                await self.kill()
                raise LoadFailed(message)
            case _:
                died = await self.kill()
                raise LoadFailed(f"the engine did not load: {died.cause}\n{died.log}")

    async def run(self, work: Work) -> AsyncIterator[FromChild | ChildDied]:
        """Run a job and yield the child's messages; the last is its result or `ChildDied`."""
        self._send(work.model_dump_json())
        while True:
            message = await self._receive()
            if message is None:
                yield await self.kill()
                return
            yield message
            if isinstance(message, Finished | ChildResult):
                return

    async def kill(self, *, grace: Seconds = 0.0) -> ChildDied:
        """Kill the process group, `grace` seconds after a SIGTERM if that is above 0.

        Returns
        -------
        ChildDied
            The exit code and the end of the log.
        """
        process, end = self._process, self._end_task
        if process is None or end is None:
            return ChildDied(0, "")
        if process.returncode is None and grace > 0:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await process.wait()
        if not end.done():
            self._signal(signal.SIGKILL)
        code = await asyncio.shield(end)
        if self._log_task is not None:
            # Bounded: a program that left the process group may hold the log open.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._log_task
        if self._channel is not None:
            self._channel.close()
        return ChildDied(code, "\n".join(self._log))

    async def _end(self, process: asyncio.subprocess.Process) -> int:
        """Wait for the child's end, and kill at once the programs that it leaves behind.

        At once, because later the number of its group may belong to other processes.
        """
        code = await process.wait()
        self._signal(signal.SIGKILL)
        return code

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _send(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line.encode() + b"\n")

    async def _receive(self) -> FromChild | None:
        """Return the next message; `None` if the child has closed its end."""
        if self._messages is None:
            return None
        try:
            line = await self._messages.readline()
        except (ConnectionError, ValueError):
            return None
        return FROM_CHILD.validate_json(line) if line.endswith(b"\n") else None

    async def _keep_log(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        while chunk := await self._process.stdout.read(65536):
            self._log.extend(chunk.decode(errors="replace").splitlines())
