"""The worker's end of a child process: start it, give it jobs, stop it whatever it does."""

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
"""Lines of a child's log that are kept for an operator."""
_LINE_LIMIT = 64 << 20
"""Bytes in one message of a child: a result with very many slices is large."""


@dataclass(frozen=True, slots=True)
class ChildDied:
    """The child is gone and did not say why."""

    code: int
    """The exit code; negative is the signal."""
    log: str

    @property
    def cause(self) -> str:
        """What ended it, for an operator."""
        if self.code < 0:
            with contextlib.suppress(ValueError):
                return f"signal {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


async def open_channel(
    ours: socket.socket,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return streams over this end of a socket pair; closing the writer closes the socket once.

    A socket, because uvloop detaches one from its descriptor before it closes that. A file object,
    as `connect_read_pipe` wants it, is closed a second time after its descriptor's number may
    already be somebody else's: a database's, or a stored file's.
    """
    ours.setblocking(False)
    return await asyncio.open_connection(sock=ours, limit=_LINE_LIMIT)


class LoadFailed(Exception):
    """The engine cannot be loaded; the message says why."""


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """How a child's engine is to be loaded."""

    weights: Mapping[str, Path]
    device: str
    threads: int
    segment: float = 1.0
    memory_mib: int = 0
    prefer: str = "auto"
    fallback: bool = False


class Child:
    """One spawned process with a warm engine, in a process group of its own.

    Its environment holds no settings of ours, so it has no credentials.
    """

    def __init__(self, service: WorkerService, setup: EngineSetup, *, scratch: Path) -> None:
        self._service = service
        self._setup = setup
        self._scratch = scratch
        self._process: asyncio.subprocess.Process | None = None
        self._said: asyncio.StreamReader | None = None
        self._channel: asyncio.StreamWriter | None = None
        self._log: deque[str] = deque(maxlen=LOG_TAIL)
        self._log_task: asyncio.Task[None] | None = None
        self.engine = ""
        """What the engine calls itself, once loaded."""

    @property
    def setup(self) -> EngineSetup:
        """How its engine was loaded."""
        return self._setup

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self, *, within: Seconds = 300.0) -> None:
        """Start the process and wait until its engine is warm.

        Raises
        ------
        LoadFailed
            The engine could not be loaded, or not in time.
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
        self._said, self._channel = await open_channel(ours)
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
                answer = await self._hear()
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
                raise LoadFailed(f"the engine's process ended with {died.cause}\n{died.log}")

    async def run(self, work: Work) -> AsyncIterator[FromChild | ChildDied]:
        """Give the child a job and yield what it says; the last one tells how it ended."""
        self._send(work.model_dump_json())
        while True:
            said = await self._hear()
            if said is None:
                yield await self.kill()
                return
            yield said
            if isinstance(said, Finished | ChildResult):
                return

    async def kill(self, *, grace: Seconds = 0.0) -> ChildDied:
        """End the process and whatever it started; after `grace` seconds by force.

        Returns
        -------
        ChildDied
            How it ended and the tail of its log.
        """
        process = self._process
        if process is None:
            return ChildDied(0, "")
        if process.returncode is None and grace > 0:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await process.wait()
        # The group outlives its leader when the child had started programs of its own.
        self._signal(signal.SIGKILL)
        code = await process.wait()
        if self._log_task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._log_task
        if self._channel is not None:
            self._channel.close()
        return ChildDied(code, "\n".join(self._log))

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _send(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line.encode() + b"\n")

    async def _hear(self) -> FromChild | None:
        if self._said is None:
            return None
        try:
            line = await self._said.readline()
        except (ConnectionError, ValueError):
            return None
        return FROM_CHILD.validate_json(line) if line.endswith(b"\n") else None

    async def _keep_log(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        while chunk := await self._process.stdout.read(65536):
            self._log.extend(chunk.decode(errors="replace").splitlines())
