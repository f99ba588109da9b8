"""Tempo changes: partition of a beat track into stretches of constant tempo."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kit.arrays import F64

_JITTER = 0.012
"""Standard deviation of a beat time in seconds, from playing and measuring."""
_PRICE = 40.0
"""Penalty of one more stretch, in squared errors in units of the jitter."""
_SHORTEST = 8
"""Minimum beats of a stretch: a shorter one is a hesitation or an error, not a tempo."""
_SAME = 0.02
"""Tempi that differ by less count as equal, because musicians drift."""
_NEAR = 0.04
"""Inter-beat intervals further from the median are ignored when measuring the tempo."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Beats `first` to `last`, both included, at one tempo in beats a minute."""

    first: int
    last: int
    bpm: float


def find_stretches(beats: F64) -> tuple[Stretch, ...]:
    """Partition beats into stretches of constant tempo by optimal partitioning.

    B. Jackson et al., "An algorithm for optimal partitioning of data on an interval", 2005: the
    piecewise-linear fit with the least squared error plus a penalty for each stretch, by dynamic
    programming over all partitions. Then stretches shorter than 8 beats are merged into the
    neighbour with the closer tempo, and neighbours whose tempi lie within 2 % are merged.

    Parameters
    ----------
    beats
        Seconds, ascending.

    Returns
    -------
    tuple
        In order of time; each begins at the beat where the previous one ends. Empty for fewer
        than two beats.
    """
    if beats.size < 2:
        return ()
    edges = _partition(beats)
    while len(edges) > 2:
        tempi = [tempo_of(beats[a : b + 1]) for a, b in pairwise(edges)]
        apart = [abs(np.log(tempo / other)) for tempo, other in pairwise(tempi)]
        lengths = np.diff(edges)
        shortest = int(np.argmin(lengths))
        if lengths[shortest] < _SHORTEST:
            sides = [side for side in (shortest - 1, shortest) if 0 <= side < len(apart)]
            joined = min(sides, key=lambda side: apart[side])
        else:
            joined = int(np.argmin(apart))
            if apart[joined] >= _SAME:
                break
        edges = [*edges[: joined + 1], *edges[joined + 2 :]]
    return tuple(Stretch(a, b, tempo_of(beats[a : b + 1])) for a, b in pairwise(edges))


def tempo_of(beats: F64) -> float:
    """Return the tempo of at least two beats, from the mean of the intervals near their median."""
    steps = np.diff(beats)
    usual = float(np.median(steps))
    near = np.abs(steps / usual - 1.0) < _NEAR
    # The median is quantised to frames; the mean of the intervals near it is finer.
    return 60.0 / float(steps[near].mean() if near.any() else usual)


def steadiness(beats: F64, stretches: Sequence[Stretch]) -> float:
    """Return the share of inter-beat intervals within 4 % of their stretch's tempo; 0 for none."""
    near = [
        np.abs(np.diff(beats[stretch.first : stretch.last + 1]) * stretch.bpm / 60.0 - 1.0) < _NEAR
        for stretch in stretches
    ]
    return float(np.concatenate(near).mean()) if near else 0.0


def _partition(beats: F64) -> list[int]:
    """Return the indices of the beats at which the optimal stretches begin and end."""
    count = beats.size
    index = np.arange(count, dtype=np.float64)
    sums = np.array([np.ones(count), index, index**2, beats, beats**2, index * beats])
    sums = np.concatenate([np.zeros((6, 1)), np.cumsum(sums, axis=1)], axis=1)
    best = np.zeros(count)
    link = np.zeros(count, np.int64)
    for last in range(1, count):
        # All stretches that end at `last`, by their first beat.
        n, x, xx, y, yy, xy = sums[:, last + 1, None] - sums[:, :last]
        sxx, syy, sxy = xx - x * x / n, yy - y * y / n, xy - x * y / n
        errors = np.maximum(0.0, syy - sxy**2 / sxx) / _JITTER**2
        costs = best[:last] + errors + _PRICE
        link[last] = int(np.argmin(costs))
        best[last] = costs[link[last]]
    edges = [count - 1]
    while edges[-1] > 0:
        edges.append(int(link[edges[-1]]))
    return edges[::-1]
