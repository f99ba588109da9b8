"""What an engine is given when it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EngineContext:
    """Where an engine finds its weights and what it may use."""

    weights: Mapping[str, Path] = field(default_factory=dict)
    """Verified local files, by their name in `weights.toml`."""
    device: str = "cpu"
    """`cpu` or `cuda`: `auto` was decided before."""
    threads: int = 1
    scratch: Path = Path()
    """A folder of this process, empty at the start of each job."""
    segment: float = 1.0
    """Scale of the engine's segment or batch: 1, then a half, then a quarter after running out
    of memory."""
    prefer: str = "auto"
    """Which engine the settings ask for, where the service has several."""
    fallback: bool = False
    """Whether this one, on the CPU, stands in for a GPU whose memory ran out."""
