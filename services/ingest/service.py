"""Declaration of the ingest service; the only module that other packages may import."""

from contracts.ingest import IngestParams, IngestResult
from contracts.jobs import TaskName
from kit.service import WorkerService
from services.ingest.settings import Settings

SERVICE = WorkerService(
    word=TaskName.INGEST,
    version="3",
    params=IngestParams,
    result=IngestResult,
    settings=Settings,
    handler="services.ingest.handler:handle",
    engine="services.ingest.engine:load_engine",
)
