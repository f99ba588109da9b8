"""Declaration of the analysis service; the only module that other packages may import."""

from pathlib import Path

from contracts.analysis import AnalysisParams, AnalysisResult
from contracts.jobs import TaskName
from kit.service import WorkerService
from services.analysis.settings import Settings

SERVICE = WorkerService(
    word=TaskName.ANALYSIS,
    version="6",
    params=AnalysisParams,
    result=AnalysisResult,
    settings=Settings,
    handler="services.analysis.handler:handle",
    engine="services.analysis.engine:load_engine",
    weights=Path(__file__).with_name("weights.toml"),
)
