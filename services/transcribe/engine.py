"""Speech recognition engines: mono audio in, segments with words out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from kit.arrays import Mono
from kit.worker.engines import EngineContext, OpenModel, missing_weights
from kit.worker.outcomes import Rejected
from services.transcribe.backends import choose
from services.transcribe.lines import WindowTranscript
from services.transcribe.memory import memory_watched

FETCH = "python -m kit.weights fetch --all transcribe"
DEFAULT = "whisper-base"


class SpeechNetwork(Protocol):
    """A loaded speech recognition network."""

    @property
    def description(self) -> str:
        """The runtime and device, and the reason if it is not the usual device."""
        ...

    @property
    def weights(self) -> str:
        """Name of the weights."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """Codes of the languages it supports."""
        ...

    def run_language(self, audio: Mono) -> Mapping[str, float]:
        """Return the probability of each language over at most 30 s of audio, `[samples]`."""
        ...

    def run(
        self, audio: Mono, *, language: str, beam: int, temperature: float = 0.0
    ) -> WindowTranscript:
        """Transcribe at most 30 s, `[samples]` at `lines.RATE`; times are relative to its start.

        The result is deterministic: sampling at a temperature above 0 is seeded.
        """
        ...


class Engine(Protocol):
    """Loads networks by their name in `weights.toml`."""

    def open(self, weights: str) -> SpeechNetwork:
        """Return a network; load it unless it is already in memory.

        Raises
        ------
        Rejected
            These weights are not installed; the message says how to fetch them.
        """
        ...


OpenSpeechNetwork = Callable[[str, Path], SpeechNetwork]
"""Loads a network, by its name in `weights.toml` and its path."""


class Networks:
    """Loads networks on demand and keeps the latest in memory.

    Parameters
    ----------
    paths
        Paths of networks, by their name in `weights.toml`.
    opener
        Loads a network.
    """

    def __init__(self, paths: Mapping[str, Path], opener: OpenSpeechNetwork) -> None:
        self._paths = paths
        self._model = OpenModel(partial(self._load, opener))

    @property
    def name(self) -> str:
        """The available networks and the runtime, for logs."""
        model = self._model.current
        running = model.description if model else "nothing yet"
        return f"{', '.join(sorted(self._paths))} on {running}"

    def open(self, weights: str) -> SpeechNetwork:
        """Return a network; load it unless it is already in memory."""
        if weights not in self._paths:
            raise missing_weights(weights, sorted(self._paths), FETCH)
        return self._model.open(weights)

    def _load(self, opener: OpenSpeechNetwork, weights: str) -> SpeechNetwork:
        with memory_watched():
            return opener(weights, self._paths[weights])


def load_engine(context: EngineContext) -> Networks:
    """Load the default network on the context's device; others load on demand."""
    library, device, note = choose(context.prefer, context.device, gpus=_usable_gpus)
    if context.fallback:
        note = "the GPU's memory ran out, so the CPU took over"
    chosen = replace(context, device=device)

    def opener(name: str, path: Path) -> SpeechNetwork:
        if library == "openai":
            from services.transcribe.engines.openai import OpenAiWhisper

            return OpenAiWhisper(name, path, chosen, note=note)
        if path.is_file():
            raise Rejected(
                "engine",
                f"{name} is in OpenAI's own format. Set TRANSCRIBE_ENGINE=openai to use it.",
            )
        from services.transcribe.engines.faster import FasterWhisper

        return FasterWhisper(name, path, chosen, note=note)

    engine = Networks(context.weights, opener)
    engine.open(DEFAULT)
    return engine


def _usable_gpus() -> int:
    from services.transcribe.engines.faster import usable_gpus

    return usable_gpus()
