"""Find loop candidates: stretches of whole bars with a steady tempo. Pure numpy."""

from dataclasses import dataclass

import numpy as np

from kit.arrays import F64

_TOLERANCE = 0.04
"""Maximum relative deviation of inter-beat intervals from their median at a steady tempo."""


@dataclass(frozen=True, slots=True)
class LoopSpan:
    """A loop candidate, in beats of the grid."""

    first: int
    """Index of its first beat."""
    beats: int
    bars: int


def downbeat_phase(beats: F64, low_band: F64, rate: float, *, beats_per_bar: int) -> int:
    """Estimate the phase of the downbeats from the low-band onset strength at the beats.

    Parameters
    ----------
    beats
        Times in seconds.
    low_band
        Onset strength of the low bands, `[frames]`: kick and bass tend to mark the downbeat.
    rate
        Frames a second.
    beats_per_bar
        Beats in a bar.
    """
    if beats.size < beats_per_bar or not low_band.size:
        return 0
    frames = np.clip(np.round(beats * rate).astype(np.int64), 0, low_band.size - 1)
    reach = max(1, round(0.03 * rate))
    accents = np.array(
        [low_band[max(0, frame - reach) : frame + reach + 1].max() for frame in frames]
    )
    totals = [float(accents[phase::beats_per_bar].mean()) for phase in range(beats_per_bar)]
    return int(np.argmax(totals))


def stretches(
    beats: F64, *, phase: int, beats_per_bar: int, bars: tuple[int, ...]
) -> list[LoopSpan]:
    """Return all consecutive stretches of whole bars with a steady tempo.

    Parameters
    ----------
    beats
        Times in seconds.
    phase
        Index of a downbeat.
    beats_per_bar
        Beats in a bar.
    bars
        Lengths of the loops in bars.
    """
    if beats.size < 2:
        return []
    steps = np.diff(beats)
    candidates: list[LoopSpan] = []
    for length in bars:
        span = length * beats_per_bar
        for first in range(phase, beats.size - span, span):
            own = steps[first : first + span]
            # The tempo may change within a song, so each loop is compared with its own median.
            if np.all(np.abs(own / np.median(own) - 1.0) < _TOLERANCE):
                candidates.append(LoopSpan(first, span, length))
    return candidates
