"""The context in which an engine is loaded, and a holder that keeps one model open."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from kit.worker.outcomes import Rejected


@dataclass(frozen=True, slots=True)
class EngineContext:
    """Weights and resources of an engine."""

    weights: Mapping[str, Path] = field(default_factory=dict)
    """Verified local files, by name in `weights.toml`."""
    device: str = "cpu"
    """`cpu` or `cuda`; the worker has resolved `auto`."""
    threads: int = 1
    scratch: Path = Path()
    """The slot's folder, private to this process."""
    segment: float = 1.0
    """Scale of the engine's segment or batch: 1, and a half or a quarter after running out of
    memory."""
    prefer: str = "auto"
    """The engine that the settings name, for services with several; `auto` by default."""
    fallback: bool = False
    """Whether this engine runs on the CPU because the GPU ran out of memory."""


Key = TypeVar("Key")
Model = TypeVar("Model")


class OpenModel(Generic[Key, Model]):
    """Keeps the last opened model open; closes it before opening another.

    Parameters
    ----------
    opener
        Loads the model for a key.
    closer
        Frees a model's resources; by default the model is only dropped.
    """

    def __init__(
        self, opener: Callable[[Key], Model], closer: Callable[[Model], None] = lambda _: None
    ) -> None:
        self._opener = opener
        self._closer = closer
        self._open: tuple[Key, Model] | None = None

    @property
    def current(self) -> Model | None:
        """The open model, if any."""
        return self._open[1] if self._open else None

    def open(self, key: Key) -> Model:
        """Return the model for a key; load it unless it is already open."""
        if self._open is None or self._open[0] != key:
            # Close first: two models may not fit into memory together.
            self.close()
            self._open = key, self._opener(key)
        return self._open[1]

    def close(self) -> None:
        """Close the open model, if any."""
        if self._open is not None:
            self._closer(self._open[1])
            self._open = None


def missing_weights(weights: str, available: Iterable[str], command: str) -> Rejected:
    """Return the rejection of a job that names weights which this worker does not have.

    Parameters
    ----------
    command
        The command that fetches them, for the operator.
    """
    return Rejected(
        "missing_weights",
        f"The weights {weights!r} are not on this worker; it has: {', '.join(available)}. If the "
        f"service's weights.toml lists them, its operator can fetch them with: {command}",
    )
