"""Declaration of the slicing service; the only module that other packages may import."""

from contracts.jobs import TaskName
from contracts.slicing import SlicingParams, SlicingResult
from kit.service import WorkerService
from services.slicing.settings import Settings

SERVICE = WorkerService(
    word=TaskName.SLICING,
    version="5",
    params=SlicingParams,
    result=SlicingResult,
    settings=Settings,
    handler="services.slicing.handler:handle",
    engine="services.slicing.engine:load_engine",
)
