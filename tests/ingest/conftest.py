"""The real engine, loaded once, and a way to put files through it."""

from pathlib import Path

import pytest

from kit.worker.engines import EngineContext
from services.ingest.engine import ConfinedFfmpeg, load_engine
from tests.ingest.uploads import IngestHarness


@pytest.fixture(scope="session")
def engine() -> ConfinedFfmpeg:
    return load_engine(EngineContext())


@pytest.fixture
def harness(engine: ConfinedFfmpeg, tmp_path: Path) -> IngestHarness:
    folder = tmp_path / "jobs"
    folder.mkdir()
    return IngestHarness(engine, folder)
