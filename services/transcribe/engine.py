"""What hears words: mono audio in, segments with words out; which networks there are."""

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


class Hearing(Protocol):
    """One network, ready to hear."""

    @property
    def description(self) -> str:
        """What runs the network, on which device, and why there where that is not as usual."""
        ...

    @property
    def weights(self) -> str:
        """Which network."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """Codes of what it understands."""
        ...

    def run_language(self, audio: Mono) -> Mapping[str, float]:
        """Return the probability of each language over at most 30 s of audio, `[samples]`."""
        ...

    def run(
        self, audio: Mono, *, language: str, beam: int, temperature: float = 0.0
    ) -> WindowTranscript:
        """Return what is said in at most 30 s, `[samples]` at `lines.RATE`; times within it.

        The same audio gives the same words, also above a temperature of 0, where they are drawn at
        random: the draw is seeded.
        """
        ...


class Engine(Protocol):
    """Gives networks by their name in `weights.toml`."""

    def open(self, weights: str) -> Hearing:
        """Return a network, loading it when it is not the one in use.

        Raises
        ------
        Rejected
            These weights are not here; the message is how to fetch them.
        """
        ...


Open = Callable[[str, Path], Hearing]
"""Loads a network: its name in `weights.toml`, and where it lies."""


class Networks:
    """Keeps the network that was asked for last.

    Parameters
    ----------
    paths
        Where networks lie, by their name in `weights.toml`.
    opener
        Loads one.
    """

    def __init__(self, paths: Mapping[str, Path], opener: Open) -> None:
        self._paths = paths
        self._model = OpenModel(partial(self._load, opener))

    @property
    def name(self) -> str:
        """What the log calls it: which networks, on what."""
        model = self._model.current
        running = model.description if model else "nothing yet"
        return f"{', '.join(sorted(self._paths))} on {running}"

    def open(self, weights: str) -> Hearing:
        """Return a network, loading it when it is not the one in use."""
        if weights not in self._paths:
            raise missing_weights(weights, sorted(self._paths), FETCH)
        return self._model.open(weights)

    def _load(self, opener: Open, weights: str) -> Hearing:
        with memory_watched():
            return opener(weights, self._paths[weights])


def load_engine(context: EngineContext) -> Networks:
    """Load the default network on the device that was chosen; others when they are asked for."""
    library, device, note = choose(context.prefer, context.device, gpus=_usable_gpus)
    if context.fallback:
        note = "the GPU's memory ran out, so the CPU took over"
    chosen = replace(context, device=device)

    def opener(name: str, path: Path) -> Hearing:
        if library == "openai":
            from services.transcribe.engines.openai import OpenAiWhisper

            return OpenAiWhisper(name, path, chosen, note=note)
        if path.is_file():
            raise Rejected(
                "engine",
                f"{name} is a file of OpenAI's own; set TRANSCRIBE_ENGINE=openai to use it.",
            )
        from services.transcribe.engines.faster import FasterWhisper

        return FasterWhisper(name, path, chosen, note=note)

    engine = Networks(context.weights, opener)
    engine.open(DEFAULT)
    return engine


def _usable_gpus() -> int:
    from services.transcribe.engines.faster import usable_gpus

    return usable_gpus()
