"""A worker service scripted by its parameters: finish, fail, hang, crash, run out of memory."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Literal

from contracts.base import Message, StrictModel
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import TaskName
from kit.inference.errors import DeviceOutOfMemory
from kit.service import WorkerService, WorkerSettings
from kit.worker.engines import EngineContext
from kit.worker.job import Job
from kit.worker.outcomes import OutOfMemory, Rejected, Retryable, Skipped

Action = Literal[
    "finish",
    "skip",
    "reject",
    "retry",
    "raise",
    "crash",
    "exit",
    "hang",
    "memory",
    "network_memory",
    "device",
    "children",
    "forget",
    "misname",
    "work",
    "name",
]


class ScriptedParams(StrictModel):
    """The action of a job."""

    do: Action = "finish"
    seconds: float = 0.0
    enough: float = 1.0
    """The segment scale at which memory suffices."""
    device: str = ""
    """The only device whose memory runs out; empty is any."""
    letters: int = 0
    """Length of the text in the result."""


class ScriptedResult(Message):
    """The result of an action."""

    segment: float
    read: int
    device: str
    fallback: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class ScriptedEngine:
    """An engine that records how it was loaded."""

    name: str
    segment: float
    device: str
    fallback: bool


def load_engine(context: EngineContext) -> ScriptedEngine:
    """Load at once, unless a test put `unloadable` into the slot's folder."""
    if (context.scratch / "unloadable").exists():
        raise RuntimeError("the test wants no engine here")
    return ScriptedEngine("trial", context.segment, context.device, context.fallback)


def handle(params: ScriptedParams, job: Job, engine: ScriptedEngine) -> ScriptedResult:
    """Run the action of the parameters."""
    match params.do:
        case "skip":
            raise Skipped("silent", "There is nothing but silence.")
        case "reject":
            raise Rejected("input", "This cannot be used.")
        case "retry":
            raise Retryable("io", "The disk was busy.")
        case "raise":
            raise KeyError("a bug of the handler")
        case "crash":
            print("last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "hang":
            # A call into C that keeps the interpreter's lock: no Python code can interrupt it.
            ctypes.PyDLL(None).sleep(60)
        case "memory":
            part = job.scratch / f"part-{engine.segment:g}.flac"
            part.write_bytes(b"sound")
            job.preview(part)
            if engine.segment > params.enough and params.device in ("", engine.device):
                raise OutOfMemory("memory", "Too large.")
            time.sleep(params.seconds)
        case "network_memory":
            if engine.segment > params.enough:
                raise DeviceOutOfMemory("This network is too large.")
        case "device":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        case "children":
            subprocess.Popen(["sleep", "60"])
            os.kill(os.getpid(), signal.SIGKILL)
        case "forget":
            job.output("lost.bin", ArtifactKind.SAMPLE, media_type="audio/flac")
        case "misname":
            job.output("Two Words.bin", ArtifactKind.SAMPLE, media_type="audio/flac").touch()
        case "work":
            steps = max(1, int(params.seconds / 0.05))
            for step in range(steps):
                job.progress(step / steps, f"step {step}")
                time.sleep(0.05)
        case "name":
            print(job.item.name)
        case "finish":
            pass
    read = sum(source.path.stat().st_size for source in job.inputs)
    if params.do != "forget":
        path = job.output(
            "made.bin",
            ArtifactKind.SAMPLE,
            media_type="application/octet-stream",
            item=ItemKind.SAMPLE,
            title="Made",
        )
        path.write_bytes(b"made of " + b"".join(source.path.read_bytes() for source in job.inputs))
    return ScriptedResult(
        segment=engine.segment,
        read=read,
        device=engine.device,
        fallback=engine.fallback,
        text="a" * params.letters,
    )


SERVICE = WorkerService(
    word=TaskName.EXPORT,
    version="1",
    params=ScriptedParams,
    result=ScriptedResult,
    settings=WorkerSettings,
    handler="tests.support.scripted_service:handle",
    engine="tests.support.scripted_service:load_engine",
)
