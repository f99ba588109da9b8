"""Meter estimation: beats per bar and downbeats. Pure numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F64

_KICK = {2: (1.0, 0.0), 3: (1.0, 0.0, 0.0), 4: (1.0, 0.0, 0.5, 0.0)}
_SNARE = {2: (0.0, 1.0), 3: (0.0, 0.5, 0.5), 4: (0.0, 1.0, 0.0, 1.0)}
"""Typical kick and snare patterns of a bar, by beats per bar."""
_OPENING = 0.1
"""Prior for phase 0, because recordings tend to begin on a downbeat."""
_FOUR_LIKELIER = 1.15
"""Prior for bars of four beats, by far the most common: three must fit this much better."""


@dataclass(frozen=True, slots=True)
class Accents:
    """Accent features at each beat, `[beats]` each."""

    low: F64
    """Onset strength below 150 Hz: kick and bass."""
    high: F64
    """Onset strength above 600 Hz: snare."""
    change: F64
    """How different the harmony is from the beat before, 0 to 1."""


@dataclass(frozen=True, slots=True)
class BarGrid:
    """Beats per bar, and the position of the downbeats."""

    beats_per_bar: int
    first: int
    """Index of the first downbeat."""
    confidence: float
    """0 to 1: how much better this phase fits than the next best (an estimate)."""

    def positions(self, beats: int) -> list[int]:
        """Return the position of each beat in its bar; 1 is the downbeat."""
        return [(index - self.first) % self.beats_per_bar + 1 for index in range(beats)]


def peak_near(beats: F64, curve: F64, rate: float) -> F64:
    """Return the maximum of an onset-strength envelope within 35 ms of each beat."""
    if not curve.size:
        return np.zeros(beats.size)
    reach = max(1, round(0.035 * rate))
    frames = np.clip(np.round(beats * rate).astype(np.int64), 0, curve.size - 1)
    return np.array([float(curve[max(0, at - reach) : at + reach + 1].max()) for at in frames])


def harmonic_change(chroma: F64) -> F64:
    """Compute the cosine distance of each beat's chroma from the previous one, 0 to 1.

    Parameters
    ----------
    chroma
        `[beats, 12]`: the mean from each beat to the next.
    """
    norm = np.linalg.norm(chroma, axis=1, keepdims=True)
    unit = chroma / np.maximum(norm, 1e-9)
    change = np.zeros(chroma.shape[0])
    change[1:] = 1.0 - np.sum(unit[1:] * unit[:-1], axis=1)
    return change


def find_bars(accents: Accents, *, beats_per_bar: int | None = None) -> BarGrid:
    """Estimate beats per bar and downbeats by correlation with kick, snare and chord patterns.

    Each phase of bars of three and four beats is scored by its correlation with the beats on
    which kick, snare and changes of harmony usually fall.

    Parameters
    ----------
    accents
        Accent features at each beat.
    beats_per_bar
        Fixes the beats per bar, if known.
    """
    count = accents.low.size
    usual = beats_per_bar or 4
    if count < 2 * usual:
        return BarGrid(usual, 0, 0.0)
    low, high, change = (_standard(part) for part in (accents.low, accents.high, accents.change))
    scores: dict[int, F64] = {}
    for beats in (beats_per_bar,) if beats_per_bar else (3, 4):
        kick = np.array(_KICK.get(beats, (1.0, *[0.0] * (beats - 1))))
        snare = np.array(_SNARE.get(beats, (0.0, *[0.0] * (beats - 1))))
        change_on = np.eye(beats)[0]
        position = np.arange(count, dtype=np.int64) % beats
        scores[beats] = _OPENING * np.eye(beats)[0] + np.array(
            [
                _fit(low, kick, position, phase)
                + _fit(high, snare, position, phase)
                + 1.5 * _fit(change, change_on, position, phase)
                for phase in range(beats)
            ]
        )
    best = max(
        scores, key=lambda beats: scores[beats].max() * (_FOUR_LIKELIER if beats == 4 else 1)
    )
    ordered = np.sort(scores[best])[::-1]
    lead = float(ordered[0] - ordered[1])
    return BarGrid(best, int(np.argmax(scores[best])), float(np.clip(lead, 0.0, 1.0)))


def _standard(values: F64) -> F64:
    deviation = float(values.std())
    return np.asarray((values - values.mean()) / deviation if deviation > 1e-9 else values * 0.0)


def _fit(values: F64, pattern: F64, position: NDArray[np.int64], phase: int) -> float:
    """Return the correlation of accents with a pattern whose first beat is at `phase`."""
    expected = pattern[(position - phase) % pattern.size]
    expected = expected - expected.mean()
    norm = float(np.linalg.norm(expected) * np.sqrt(values.size))
    return float(expected @ values) / norm if norm > 1e-9 else 0.0
