"""What hears onsets and the beat: a protocol, and the spectral-flux engine behind it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32, F64
from kit.signal.beats import NO_PULSE, Pulse, track_beats
from kit.signal.onsets import Novelty, detect_onsets, loudness, novelty
from kit.worker.engines import EngineContext

Source = Callable[[], Iterator[F32]]
"""Starts a recording from its beginning, in blocks `[channels, samples]`."""
SILENCE = 1e-5
"""Level (-100 dBFS) below which a recording counts as silent."""


@dataclass(frozen=True, slots=True)
class OnsetAnalysis:
    """What an engine heard in a recording."""

    level: float
    """Loudness, linear; 0 is silence."""
    novelty: Novelty
    onsets: NDArray[np.int64]
    """Samples, rising."""
    strengths: F64
    """Of the onsets; about 1 for the main hits."""
    pulse: Pulse


class Engine(Protocol):
    """Hears onsets and the beat."""

    def run(
        self,
        source: Source,
        sample_rate: int,
        *,
        threshold: float,
        spacing: float,
        progress: Callable[[float], None],
    ) -> OnsetAnalysis:
        """Listen to a recording; memory does not grow with its audio, only with its onsets."""
        ...


class SpectralFlux:
    """Novelty by spectral flux, onsets by an adaptive threshold, the beat by autocorrelation."""

    name = "spectral flux, numpy"

    def run(
        self,
        source: Source,
        sample_rate: int,
        *,
        threshold: float,
        spacing: float,
        progress: Callable[[float], None],
    ) -> OnsetAnalysis:
        """Listen twice: for the loudness, then for what is new."""
        level = loudness(source(), floor=SILENCE)
        progress(0.3)
        if level <= 0.0:
            nothing = Novelty(np.zeros((0, 1), np.float32), 1.0)
            return OnsetAnalysis(0.0, nothing, np.zeros(0, np.int64), np.zeros(0), NO_PULSE)
        heard = novelty(source(), sample_rate, level=level)
        progress(0.9)
        frames, strengths = detect_onsets(
            heard.total, heard.rate, threshold=threshold, spacing=spacing
        )
        onsets = np.round(frames * (sample_rate / heard.rate)).astype(np.int64)
        return OnsetAnalysis(level, heard, onsets, strengths, track_beats(heard.total, heard.rate))


def load_engine(context: EngineContext) -> Engine:
    """Return the engine; it needs no weights."""
    del context
    return SpectralFlux()
