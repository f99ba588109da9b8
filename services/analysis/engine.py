"""What hears rhythm and harmony: a protocol, and the signal-processing engine behind it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kit.arrays import F32
from kit.audio.downmix import downmix
from kit.signal.beats import NO_PULSE, Pulse, track_beats
from kit.signal.onsets import Novelty, loudness, novelty
from kit.signal.tuning import TUNED_BY_SECONDS, find_tuning
from kit.worker.engines import EngineContext
from services.analysis.chroma import Chroma, chroma

Source = Callable[[], Iterator[F32]]
"""Starts a recording from its beginning, in blocks `[channels, samples]`."""
SILENCE = 1e-5
"""Level (-100 dBFS) below which a recording counts as silent."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What begins when."""

    level: float
    """Loudness, linear; 0 is silence."""
    novelty: Novelty
    pulse: Pulse


class Engine(Protocol):
    """Hears rhythm and harmony; memory grows with curves and chroma only, never with audio."""

    def run_rhythm(self, source: Source, sample_rate: int, *, loop: bool) -> Rhythm:
        """Listen for what begins, the tempo and the beats."""
        ...

    def run_harmony(self, source: Source, sample_rate: int) -> Chroma:
        """Listen for what sounds."""
        ...


class SignalEngine:
    """Spectral flux and autocorrelation for rhythm, tuned non-negative chroma for harmony."""

    name = "signal processing, numpy"

    def run_rhythm(self, source: Source, sample_rate: int, *, loop: bool) -> Rhythm:
        """Listen twice: for the loudness, then for what is new."""
        level = loudness(source(), floor=SILENCE)
        if level <= 0.0:
            return Rhythm(0.0, Novelty(np.zeros((0, 4), np.float32), 1.0), NO_PULSE)
        heard = novelty(source(), sample_rate, level=level)
        return Rhythm(level, heard, track_beats(heard.total, heard.rate, loop=loop))

    def run_harmony(self, source: Source, sample_rate: int) -> Chroma:
        """Listen twice: to the first two minutes for the tuning, then to all."""
        opening = downmix(_first(source(), round(TUNED_BY_SECONDS * sample_rate)), sample_rate)
        shift = find_tuning(opening, sample_rate).semitones
        return chroma(downmix(source(), sample_rate), sample_rate, shift=shift)


def _first(blocks: Iterator[F32], samples: int) -> Iterator[F32]:
    seen = 0
    for block in blocks:
        yield block
        seen += block.shape[1]
        if seen >= samples:
            return


def load_engine(context: EngineContext) -> Engine:
    """Return the engine; it needs no weights."""
    del context
    return SignalEngine()
