"""What the slicing service is; the only module of it that others may import."""

from contracts.jobs import TaskName
from contracts.slicing import SlicingParams, SlicingResult
from kit.service import WorkerService
from services.slicing.settings import Settings

SERVICE = WorkerService(
    word=TaskName.SLICING,
    version="2",
    params=SlicingParams,
    result=SlicingResult,
    settings=Settings,
    handler="services.slicing.handler:handle",
    engine="services.slicing.engine:load_engine",
)
