"""A MIDI service with short jobs whose result names the job."""

import random
import time

from contracts.base import Message
from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.midi import MidiParams
from kit.service import WorkerService, WorkerSettings
from kit.worker.engines import EngineContext
from kit.worker.job import Job


class QuickResult(Message):
    """The id of the job."""

    job: str


def load_engine(context: EngineContext) -> object:
    """Load nothing."""
    return object()


def handle(params: MidiParams, job: Job, engine: object) -> QuickResult:
    """Sleep for some tenths of a second, longer for a lower threshold, and write a file."""
    steps = 1 + int(8 * (1 - params.onset_threshold))
    for step in range(steps):
        job.progress(step / steps)
        time.sleep(random.uniform(0.01, 0.06))
    path = job.output("quick.mid", ArtifactKind.MIDI, media_type="audio/midi")
    path.write_bytes(job.id.encode())
    return QuickResult(job=job.id)


SERVICE = WorkerService(
    word=TaskName.MIDI,
    version="quick-1",
    params=MidiParams,
    result=QuickResult,
    settings=WorkerSettings,
    handler="tests.support.quick_midi_service:handle",
    engine="tests.support.quick_midi_service:load_engine",
)
