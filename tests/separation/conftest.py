"""The light separator with its real weights, and recordings, where they are."""

import os
from pathlib import Path

import pytest

from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import MissingWeights, open_store
from kit.worker.engines import EngineContext
from services.separation.engine import NetworkEngine, load_engine
from services.separation.service import SERVICE


@pytest.fixture(scope="session")
def weights() -> dict[str, Path]:
    assert SERVICE.weights is not None
    try:
        return open_store(KitSettings()).verified(read_manifest(SERVICE.weights))
    except MissingWeights as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def engine(weights: dict[str, Path]) -> NetworkEngine:
    only = {"spleeter-2stems": weights["spleeter-2stems"]}
    return load_engine(EngineContext(weights=only, threads=2))


@pytest.fixture
def recordings() -> Path:
    """Folder of mixtures with true stems."""
    data = Path(os.environ.get("CRATEDIG_TEST_DATA", "../shared/data"))
    path = data / "separation"
    if not path.is_dir():
        pytest.skip(f"CRATEDIG_TEST_DATA: there are no mixtures with true stems in {data}")
    return path
