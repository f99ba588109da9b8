"""Stretches of whole bars where the tempo is steady. Pure numpy."""

from dataclasses import dataclass

import numpy as np

from kit.arrays import F64

_TOLERANCE = 0.04
"""How far a step from beat to beat may lie from the usual one where the tempo counts as steady."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A candidate for a loop, in beats of the grid."""

    first: int
    """Index of the beat that it starts on."""
    beats: int
    bars: int


def downbeat_phase(beats: F64, weight: F64, rate: float, *, beats_per_bar: int) -> int:
    """Return which beat, counted from the first, is most likely the first of a bar.

    Parameters
    ----------
    beats
        Times in seconds.
    weight
        Novelty of the low bands, `[frames]`: kick and bass tend to mark the first beat.
    rate
        Frames a second.
    beats_per_bar
        Beats in a bar.
    """
    if beats.size < beats_per_bar or not weight.size:
        return 0
    frames = np.clip(np.round(beats * rate).astype(np.int64), 0, weight.size - 1)
    reach = max(1, round(0.03 * rate))
    heard = np.array([weight[max(0, frame - reach) : frame + reach + 1].max() for frame in frames])
    totals = [float(heard[phase::beats_per_bar].mean()) for phase in range(beats_per_bar)]
    return int(np.argmax(totals))


def stretches(
    beats: F64, *, phase: int, beats_per_bar: int, bars: tuple[int, ...]
) -> list[Stretch]:
    """Return every stretch of whole bars, one after the other, in which the tempo is steady.

    Parameters
    ----------
    beats
        Times in seconds.
    phase
        Index of a first beat of a bar.
    beats_per_bar
        Beats in a bar.
    bars
        Lengths that are wanted.
    """
    if beats.size < 2:
        return []
    steps = np.diff(beats)
    found: list[Stretch] = []
    for length in bars:
        span = length * beats_per_bar
        for first in range(phase, beats.size - span, span):
            own = steps[first : first + span]
            # A song may go over to another tempo: a loop is measured by its own.
            if np.all(np.abs(own / np.median(own) - 1.0) < _TOLERANCE):
                found.append(Stretch(first, span, length))
    return found
