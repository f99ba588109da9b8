"""The real network, loaded once; recordings, where they are."""

import os
from pathlib import Path

import pytest

from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from services.midi.engine import FETCH, Engine, load_engine
from services.midi.piano.network import WEIGHTS as PIANO_WEIGHTS
from services.midi.piano.network import PianoNetwork, TranskunNetwork

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def weights() -> dict[str, Path]:
    """The verified weights; where they are missing the error is the command to run."""
    manifest = read_manifest(ROOT / "services" / "midi" / "weights.toml")
    return open_store(KitSettings()).verified(manifest)


@pytest.fixture(scope="session")
def engine(weights: dict[str, Path]) -> Engine:
    """The default networks: that of the piano tracker is not fetched everywhere."""
    defaults = {name: path for name, path in weights.items() if name != PIANO_WEIGHTS}
    return load_engine(EngineContext(weights=defaults, threads=1))


@pytest.fixture(scope="session")
def piano_network(weights: dict[str, Path]) -> PianoNetwork:
    """The piano network, where it is."""
    if PIANO_WEIGHTS not in weights:
        pytest.skip(f"no piano network: {FETCH}")
    return TranskunNetwork(EngineContext(weights=weights, threads=1))


@pytest.fixture
def recordings() -> Path:
    named = os.environ.get("CRATEDIG_TEST_DATA")
    folder = (Path(named) if named else ROOT.parent / "shared" / "data") / "audio_midi"
    if not folder.is_dir():
        pytest.skip("no recordings: set CRATEDIG_TEST_DATA to the folder that holds them")
    return folder
