"""A MIDI service whose jobs do nothing."""

from contracts.base import Message
from contracts.jobs import TaskName
from contracts.midi import MidiParams
from kit.service import WorkerService, WorkerSettings
from kit.worker.engines import EngineContext
from kit.worker.job import Job


class NoResult(Message):
    """Nothing."""


def load_engine(context: EngineContext) -> object:
    """Load nothing."""
    return object()


def handle(params: MidiParams, job: Job, engine: object) -> NoResult:
    """Do nothing."""
    return NoResult()


SERVICE = WorkerService(
    word=TaskName.MIDI,
    version="noop-1",
    params=MidiParams,
    result=NoResult,
    settings=WorkerSettings,
    handler="benchmarks.noop:handle",
    engine="benchmarks.noop:load_engine",
)
