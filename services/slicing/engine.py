"""Onset detection and beat tracking: the engine protocol, and the spectral-flux engine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F64
from kit.audio.decode import BlockSource
from kit.signal.beats import NO_BEATS, BeatTrack, track_beats
from kit.signal.onsets import OnsetStrength, detect_onsets, loudness, onset_strength
from kit.worker.engines import EngineContext

SILENCE = 1e-5
"""Level (-100 dBFS) below which a recording counts as silent."""


@dataclass(frozen=True, slots=True)
class OnsetAnalysis:
    """Onsets and beats of a recording."""

    level: float
    """Loudness, linear; 0 is silence."""
    onset_strength: OnsetStrength
    onsets: NDArray[np.int64]
    """In samples, ascending."""
    strengths: F64
    """Strength of each onset; about 1 for the main hits."""
    beat_track: BeatTrack


class Engine(Protocol):
    """Detects onsets and tracks beats."""

    def run(
        self,
        source: BlockSource,
        sample_rate: int,
        *,
        threshold: float,
        spacing: float,
        progress: Callable[[float], None],
    ) -> OnsetAnalysis:
        """Analyse a recording; memory grows with its onset envelope only, never with its audio."""
        ...


class SpectralFlux:
    """Spectral-flux onset strength, adaptive-threshold onsets, autocorrelation and DP beats."""

    name = "spectral flux, numpy"

    def run(
        self,
        source: BlockSource,
        sample_rate: int,
        *,
        threshold: float,
        spacing: float,
        progress: Callable[[float], None],
    ) -> OnsetAnalysis:
        """Read the recording twice: for its loudness, then for its onset strength."""
        level = loudness(source(), floor=SILENCE)
        progress(0.3)
        if level <= 0.0:
            nothing = OnsetStrength(np.zeros((0, 1), np.float32), 1.0)
            return OnsetAnalysis(0.0, nothing, np.zeros(0, np.int64), np.zeros(0), NO_BEATS)
        strength = onset_strength(source(), sample_rate, level=level)
        progress(0.9)
        frames, strengths = detect_onsets(
            strength.total, strength.rate, threshold=threshold, spacing=spacing
        )
        onsets = np.round(frames * (sample_rate / strength.rate)).astype(np.int64)
        return OnsetAnalysis(
            level, strength, onsets, strengths, track_beats(strength.total, strength.rate)
        )


def load_engine(context: EngineContext) -> Engine:
    """Return the engine; it needs no weights."""
    del context
    return SpectralFlux()
