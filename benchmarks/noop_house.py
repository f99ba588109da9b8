"""`python -m benchmarks.noop_house`: the embedded house with work that is nothing."""

import asyncio
import os

from contracts.base import Said
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


class NoResult(Said):
    """Nothing."""


def load_engine(context: EngineContext) -> object:
    """Load nothing."""
    return object()


def handle(params: MidiParams, job: Job, engine: object) -> NoResult:
    """Do nothing."""
    return NoResult()


NOOP = WorkerService(
    word=TaskName.MIDI,
    version="noop-1",
    params=MidiParams,
    result=NoResult,
    settings=WorkerSettings,
    handler="benchmarks.noop_house:handle",
    engine="benchmarks.noop_house:load_engine",
)


def main() -> None:
    """Run it."""
    settings = EmbeddedSettings()
    with lock(settings.data):
        kit, chosen = compose(settings)
        logs.configure(kit.log_level, "json")
        slots = int(os.environ.get("NOOP_SLOTS", "4"))
        noop = {**chosen, "midi": WorkerSettings(slots=slots, device="cpu", threads=1)}
        asyncio.run(serve((LIBRARY, GATEWAY, INGEST, NOOP), kit, chosen=noop))


if __name__ == "__main__":
    main()
