"""`python -m tests.support.trial_house`: the embedded house with quick work instead of MIDI."""

import asyncio
import random
import time

from contracts.base import Said
from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.midi import MidiParams
from embedded.settings import EmbeddedSettings, compose, lock
from gateway.service import SERVICE as GATEWAY
from kit.main import serve
from kit.observability import logging as logs
from kit.service import WorkerService, WorkerSettings
from kit.worker.engines import EngineContext
from kit.worker.job import Job
from services.ingest.service import SERVICE as INGEST
from services.library.service import SERVICE as LIBRARY
from services.midi.settings import MidiSettings


class QuickResult(Said):
    """Which job made it."""

    job: str


def load_engine(context: EngineContext) -> object:
    """Load nothing."""
    return object()


def handle(params: MidiParams, job: Job, engine: object) -> QuickResult:
    """Work for some tenths of a second, the longer the lower the threshold, and write a file."""
    steps = 1 + int(8 * (1 - params.onset_threshold))
    for step in range(steps):
        job.progress(step / steps)
        time.sleep(random.uniform(0.01, 0.06))
    path = job.output("quick.mid", ArtifactKind.MIDI, media_type="audio/midi")
    path.write_bytes(job.id.encode())
    return QuickResult(job=job.id)


QUICK = WorkerService(
    word=TaskName.MIDI,
    version="quick-1",
    params=MidiParams,
    result=QuickResult,
    settings=WorkerSettings,
    handler="tests.support.trial_house:handle",
    engine="tests.support.trial_house:load_engine",
)


def main() -> None:
    """Run it."""
    settings = EmbeddedSettings()
    with lock(settings.data):
        kit, chosen = compose(settings)
        logs.configure(kit.log_level, "json")
        quick = {**chosen, "midi": MidiSettings(slots=2, device="cpu", threads=1)}
        asyncio.run(serve((LIBRARY, GATEWAY, INGEST, QUICK), kit, chosen=quick))


if __name__ == "__main__":
    main()
