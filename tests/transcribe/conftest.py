"""The real network, loaded once; recordings, where they are."""

import os
from pathlib import Path

import pytest

from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from services.transcribe.engine import Engine, load_engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def weights() -> dict[str, Path]:
    """The verified weights; where they are missing the error is the command to run."""
    manifest = read_manifest(ROOT / "services" / "transcribe" / "weights.toml")
    return open_store(KitSettings()).verified(manifest)


@pytest.fixture(scope="session")
def engine(weights: dict[str, Path]) -> Engine:
    return load_engine(EngineContext(weights=weights, threads=2))


@pytest.fixture
def recordings() -> Path:
    named = os.environ.get("CRATEDIG_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no recordings: set CRATEDIG_TEST_DATA to the folder that holds them")
    return folder
