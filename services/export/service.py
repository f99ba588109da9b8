"""Declaration of the export service; the only module that other packages may import."""

from contracts.export import ExportParams, ExportResult
from contracts.jobs import TaskName
from kit.service import WorkerService
from services.export.settings import Settings

SERVICE = WorkerService(
    word=TaskName.EXPORT,
    version="2",
    params=ExportParams,
    result=ExportResult,
    settings=Settings,
    handler="services.export.handler:handle",
    engine="services.export.engine:load_engine",
)
