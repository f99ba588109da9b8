"""Declaration of the transcribe service; the only module that other packages may import."""

from pathlib import Path

from contracts.jobs import TaskName
from contracts.transcribe import TranscribeParams, TranscribeResult
from kit.service import WorkerService
from services.transcribe.settings import Settings

SERVICE = WorkerService(
    word=TaskName.TRANSCRIBE,
    version="5",
    params=TranscribeParams,
    result=TranscribeResult,
    settings=Settings,
    handler="services.transcribe.handler:handle",
    engine="services.transcribe.engine:load_engine",
    weights=Path(__file__).with_name("weights.toml"),
    gpu=("ctranslate2", "torch"),
)
