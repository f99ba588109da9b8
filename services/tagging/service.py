"""Declaration of the tagging service; the only module that other packages may import."""

from pathlib import Path

from contracts.jobs import TaskName
from contracts.tagging import TaggingParams, TaggingResult
from kit.service import WorkerService
from services.tagging.settings import Settings

SERVICE = WorkerService(
    word=TaskName.TAGGING,
    version="6",
    params=TaggingParams,
    result=TaggingResult,
    settings=Settings,
    handler="services.tagging.handler:handle",
    engine="services.tagging.engine:load_engine",
    weights=Path(__file__).with_name("weights.toml"),
)
