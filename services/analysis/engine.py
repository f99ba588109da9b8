"""Rhythm and harmony analysis: the engine protocol, and the signal-processing engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kit.arrays import F32
from kit.audio.decode import BlockSource
from kit.audio.downmix import downmix
from kit.signal.beats import NO_BEATS, BeatTrack, track_beats
from kit.signal.onsets import OnsetStrength, loudness, onset_strength
from kit.signal.tuning import TUNED_BY_SECONDS, find_tuning
from kit.worker.engines import EngineContext
from services.analysis.chroma import Chroma, chroma

SILENCE = 1e-5
"""Level (-100 dBFS) below which a recording counts as silent."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Onset strength, tempo and beats of a recording."""

    level: float
    """Loudness, linear; 0 is silence."""
    onset_strength: OnsetStrength
    beat_track: BeatTrack


class Engine(Protocol):
    """Analyses rhythm and harmony; memory grows with envelopes and chroma only, not with audio."""

    def run_rhythm(self, source: BlockSource, sample_rate: int, *, loop: bool) -> Rhythm:
        """Compute onset strength, tempo and beats."""
        ...

    def run_harmony(self, source: BlockSource, sample_rate: int) -> Chroma:
        """Compute tuned chroma."""
        ...


class SignalEngine:
    """Spectral flux and autocorrelation for rhythm, tuned non-negative chroma for harmony."""

    name = "signal processing, numpy"

    def run_rhythm(self, source: BlockSource, sample_rate: int, *, loop: bool) -> Rhythm:
        """Read the recording twice: for its loudness, then for its onset strength."""
        level = loudness(source(), floor=SILENCE)
        if level <= 0.0:
            return Rhythm(0.0, OnsetStrength(np.zeros((0, 4), np.float32), 1.0), NO_BEATS)
        strength = onset_strength(source(), sample_rate, level=level)
        return Rhythm(level, strength, track_beats(strength.total, strength.rate, loop=loop))

    def run_harmony(self, source: BlockSource, sample_rate: int) -> Chroma:
        """Read the first two minutes for the tuning, then the whole recording."""
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
