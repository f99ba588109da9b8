"""The engine with its real networks, loaded once."""

from functools import cache
from pathlib import Path

from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from services.analysis.engine import Engine, load_engine

ROOT = Path(__file__).parents[2]


@cache
def weights() -> dict[str, Path]:
    """Return the verified weights; where they are missing the error is the command to run."""
    manifest = read_manifest(ROOT / "services" / "analysis" / "weights.toml")
    return open_store(KitSettings()).verified(manifest)


def beat_weights() -> list[Path]:
    """Return the weights of the networks of beats."""
    return [path for name, path in weights().items() if name.startswith("beatnet")]


@cache
def engine() -> Engine:
    """Return the engine."""
    return load_engine(EngineContext(weights=weights()))
