"""The child process: loads a service's engine once and runs its handler, one job at a time.

It is given files and gives files back; it has no credentials, and its standard output is its
log. It ends when its parent does.
"""

import ctypes
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

from pydantic import BaseModel

from kit.inference.errors import DeviceOutOfMemory
from kit.service import resolve
from kit.worker.child_protocol import (
    ChildResult,
    Finished,
    Load,
    Loaded,
    LoadRefused,
    Previewed,
    ProgressMade,
    Work,
)
from kit.worker.engines import EngineContext
from kit.worker.job import Job
from kit.worker.outcomes import OutOfMemory, Rejected, Retryable, Skipped

_PR_SET_PDEATHSIG = 1
_MOVE_EVERY = 0.1
"""Seconds between two messages of progress; a handler may tell it as often as it likes."""


def _end_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the worker dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class _Pipe:
    """The child's end of the pipe; it is also the job's reporter."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._moved = 0.0

    def say(self, message: BaseModel) -> None:
        self._out.write(message.model_dump_json() + "\n")
        self._out.flush()

    def progress(self, fraction: float, message: str) -> None:
        now = time.monotonic()
        if now - self._moved < _MOVE_EVERY:
            return
        self._moved = now
        self.say(ProgressMade(fraction=fraction, message=message))

    def preview(self, path: Path) -> None:
        self.say(Previewed(path=path))


def _is_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        sign in text for sign in ("out of memory", "failed to allocate memory", "bad_alloc")
    )


def _is_device(error: BaseException) -> bool:
    text = str(error)
    return any(sign in text for sign in ("CUDA error", "CUDA failure", "CUBLAS", "CUDNN"))


def _work(load: Load, work: Work, engine: Any, pipe: _Pipe) -> Finished | ChildResult:
    """Run one job and return how it ended."""
    job = Job(
        id=work.job,
        subject=work.subject,
        item_facts=work.item,
        inputs=work.inputs,
        scratch=work.scratch,
        reporter=pipe,
    )
    try:
        params_type: type[BaseModel] = resolve(load.params)
        result_type: type[BaseModel] = resolve(load.result)
        params = params_type.model_validate(work.params)
        result = result_type.model_validate(resolve(load.handler)(params, job, engine))
        missing = [output.name for output in job.outputs if not output.path.is_file()]
        if missing:
            raise FileNotFoundError(f"the handler reserved but did not write {missing}")
        return Finished(result=result.model_dump(mode="json"), outputs=tuple(job.outputs))
    except Skipped as outcome:
        return ChildResult(outcome="skipped", reason=outcome.reason, message=outcome.message)
    except Rejected as outcome:
        return ChildResult(outcome="rejected", reason=outcome.reason, message=outcome.message)
    except Retryable as outcome:
        return ChildResult(outcome="retryable", reason=outcome.reason, message=outcome.message)
    except OutOfMemory as outcome:
        return ChildResult(outcome="memory", reason=outcome.reason, message=outcome.message)
    except DeviceOutOfMemory as error:
        return ChildResult(outcome="memory", reason="device_memory", message=str(error))
    except Exception as error:  # The outcome of a job is decided here.
        return _fault(error)


def _fault(error: BaseException) -> ChildResult:
    """Return what an exception that names no outcome means."""
    detail = "".join(traceback.format_exception(error))[-8000:]
    if _is_memory(error):
        return ChildResult(
            outcome="memory",
            reason="memory",
            message="The device ran out of memory.",
            detail=detail,
        )
    if _is_device(error):
        return ChildResult(
            outcome="device", reason="device", message="The device failed.", detail=detail
        )
    return ChildResult(
        outcome="internal",
        reason="internal",
        message="The service failed on this audio. It will be tried again.",
        detail=detail,
    )


def main() -> None:
    """Serve jobs from standard input until it closes."""
    descriptor, parent, memory_mib = (int(argument) for argument in sys.argv[1:4])
    _end_with_parent(parent)
    # Only the parent decides about stopping; Ctrl-C reaches the whole terminal group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if memory_mib:
        limit = memory_mib << 20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    pipe = _Pipe(os.fdopen(descriptor, "w", encoding="utf-8"))
    load = Load.model_validate_json(sys.stdin.readline())
    try:
        engine = resolve(load.engine)(
            EngineContext(
                weights=load.weights,
                device=load.device,
                threads=load.threads,
                scratch=load.scratch,
                segment=load.segment,
                prefer=load.prefer,
                fallback=load.fallback,
            )
        )
    except Exception as error:  # The parent tells the operator and tries again.
        traceback.print_exc()
        pipe.say(LoadRefused(message=f"{type(error).__name__}: {error}"[:2000]))
        return
    pipe.say(Loaded(engine=str(getattr(engine, "name", load.engine))))
    for line in sys.stdin:
        pipe.say(_work(load, Work.model_validate_json(line), engine, pipe))


if __name__ == "__main__":
    main()
