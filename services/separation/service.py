"""The service `separation`: a track in, stems out."""

from pathlib import Path

from contracts.jobs import TaskName
from contracts.separation import SeparationParams, SeparationResult
from kit.service import Budget, WorkerService
from services.separation.settings import SeparationSettings

SERVICE = WorkerService(
    word=TaskName.SEPARATION,
    version="1",
    params=SeparationParams,
    result=SeparationResult,
    settings=SeparationSettings,
    handler="services.separation.handler:handle",
    engine="services.separation.engine:load_engine",
    weights=Path(__file__).with_name("weights.toml"),
    # Half real time on a slow machine, four networks, and overlap or shifts on top.
    budget=Budget(base=120.0, per_second=30.0, least=600.0),
)
