"""The real networks, loaded once."""

from pathlib import Path

import pytest

from kit.settings import KitSettings
from kit.weights.manifest import WeightsManifest, read_manifest
from kit.weights.store import Store, open_store
from kit.worker.engines import EngineContext
from services.tagging.engine import Engine, load_engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def manifest() -> WeightsManifest:
    return read_manifest(ROOT / "services" / "tagging" / "weights.toml")


@pytest.fixture(scope="session")
def store() -> Store:
    return open_store(KitSettings())


@pytest.fixture(scope="session")
def weights(store: Store, manifest: WeightsManifest) -> dict[str, Path]:
    """The verified weights; where they are missing the error is the command to run."""
    return store.verified(manifest)


@pytest.fixture(scope="session")
def engine(weights: dict[str, Path]) -> Engine:
    return load_engine(EngineContext(weights=weights, threads=1))
