"""The service `separation`: a track in, stems out."""

from pathlib import Path

from contracts.jobs import TaskName
from contracts.separation import SeparationParams, SeparationResult
from kit.service import WorkerService
from services.separation.settings import SeparationSettings

SERVICE = WorkerService(
    word=TaskName.SEPARATION,
    version="3",
    params=SeparationParams,
    result=SeparationResult,
    settings=SeparationSettings,
    handler="services.separation.handler:handle",
    engine="services.separation.engine:load_engine",
    weights=Path(__file__).with_name("weights.toml"),
    gpu=("onnxruntime-gpu", "torch"),
)
