"""Declaration of the midi service; the only module that other packages may import."""

from pathlib import Path

from contracts.jobs import TaskName
from contracts.midi import MidiParams, MidiResult
from kit.service import WorkerService
from services.midi.settings import Settings

SERVICE = WorkerService(
    word=TaskName.MIDI,
    version="9",
    params=MidiParams,
    result=MidiResult,
    settings=Settings,
    handler="services.midi.handler:handle",
    engine="services.midi.engine:load_engine",
    weights=Path(__file__).with_name("weights.toml"),
)
