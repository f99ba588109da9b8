"""The child process: loads a service's engine once and runs its handler, one job at a time.

It reads jobs from standard input and sends messages on a socket. It has no credentials: the worker
fetches input files and stores output files. Standard output and error are its log. It lives until
the worker closes its input, kills it or dies.
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
_PROGRESS_EVERY = 0.1
"""Minimum seconds between two progress messages; a handler may report more often."""


def _end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the worker dies, even by SIGKILL (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The worker may have died before the call above took effect.
    if os.getppid() != parent:
        os._exit(1)


class _Pipe:
    """Sends messages to the worker; also the `Reporter` of each job."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last_progress = 0.0

    def send(self, message: BaseModel) -> None:
        self._out.write(message.model_dump_json() + "\n")
        self._out.flush()

    def progress(self, fraction: float, message: str) -> None:
        now = time.monotonic()
        if now - self._last_progress < _PROGRESS_EVERY:
            return
        self._last_progress = now
        self.send(ProgressMade(fraction=fraction, message=message))

    def preview(self, path: Path) -> None:
        self.send(Previewed(path=path))


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        sign in text for sign in ("out of memory", "failed to allocate memory", "bad_alloc")
    )


def _is_device_failure(error: BaseException) -> bool:
    text = str(error)
    return any(sign in text for sign in ("CUDA error", "CUDA failure", "CUBLAS", "CUDNN"))


def _run_job(load: Load, work: Work, engine: Any, pipe: _Pipe) -> Finished | ChildResult:
    """Run one job and return its outcome."""
    job = Job(
        id=work.job,
        subject=work.subject,
        item_facts=work.item,
        export=work.export,
        cuts=work.cuts,
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
    except Exception as error:  # Any exception of a handler is an outcome.
        return _outcome_of(error)


def _outcome_of(error: BaseException) -> ChildResult:
    """Classify an exception that is no `Outcome`: out of memory, device failure or a bug."""
    detail = "".join(traceback.format_exception(error))[-8000:]
    if _is_out_of_memory(error):
        return ChildResult(
            outcome="memory",
            reason="memory",
            message="The device ran out of memory.",
            detail=detail,
        )
    if _is_device_failure(error):
        return ChildResult(
            outcome="device", reason="device", message="The device failed.", detail=detail
        )
    return ChildResult(
        outcome="internal",
        reason="internal",
        message="The service failed on this audio.",
        detail=detail,
    )


def main() -> None:
    """Load the engine, then run jobs from standard input until it closes."""
    descriptor, parent, memory_mib = (int(argument) for argument in sys.argv[1:4])
    _end_with_parent(parent)
    # Only the worker stops children. Ctrl-C in a terminal signals them as well, so ignore it.
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
    except Exception as error:  # The worker logs the message and tries again.
        traceback.print_exc()
        pipe.send(LoadRefused(message=f"{type(error).__name__}: {error}"[:2000]))
        return
    pipe.send(Loaded(engine=str(getattr(engine, "name", load.engine))))
    for line in sys.stdin:
        pipe.send(_run_job(load, Work.model_validate_json(line), engine, pipe))


if __name__ == "__main__":
    main()
