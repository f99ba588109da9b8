"""What an engine is given when it is loaded, and how one of several models is kept open."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from kit.worker.outcomes import Rejected


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


Key = TypeVar("Key")
Model = TypeVar("Model")


class OpenModel(Generic[Key, Model]):
    """Keeps the model that was asked for last open, and closes it before it opens another.

    Parameters
    ----------
    opener
        Loads the model of a key.
    closer
        Frees what a model holds; by default it is only let go.
    """

    def __init__(
        self, opener: Callable[[Key], Model], closer: Callable[[Model], None] = lambda _: None
    ) -> None:
        self._opener = opener
        self._closer = closer
        self._open: tuple[Key, Model] | None = None

    @property
    def current(self) -> Model | None:
        """The model that is open."""
        return self._open[1] if self._open else None

    def open(self, key: Key) -> Model:
        """Return the model of a key, loading it where it is not the one that is open."""
        if self._open is None or self._open[0] != key:
            # One at a time: the one before makes room first.
            self.close()
            self._open = key, self._opener(key)
        return self._open[1]

    def close(self) -> None:
        """Let go of the model that is open, if there is one."""
        if self._open is not None:
            self._closer(self._open[1])
            self._open = None


def missing_weights(weights: str, available: Iterable[str], command: str) -> Rejected:
    """Return the end of a job that asks for weights which this worker does not have.

    Parameters
    ----------
    command
        What fetches them, for whoever runs the worker.
    """
    return Rejected(
        "missing_weights",
        f"The weights {weights!r} are not on this worker; it has: {', '.join(available)}. If the "
        f"service's weights.toml lists them, whoever runs the worker fetches them with: {command}",
    )
