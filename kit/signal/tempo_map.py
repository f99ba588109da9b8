"""Where the tempo of a recording changes: its beats as stretches of one tempo each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kit.arrays import F64

_JITTER = 0.012
"""Seconds that a beat lies off its place, played or measured."""
_PRICE = 40.0
"""Squared errors, in units of the jitter, that one more stretch has to save."""
_SHORTEST = 8
"""Beats of a stretch: what is shorter is a hesitation or an error, no tempo."""
_SAME = 0.02
"""Tempi that differ by less are one: musicians drift."""
_NEAR = 0.04
"""A step from beat to beat that differs by more from the usual one is no measure of the tempo."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Beats `first` to `last`, both included, at one tempo in beats a minute."""

    first: int
    last: int
    bpm: float


def find_stretches(beats: F64) -> tuple[Stretch, ...]:
    """Part beats into stretches of one tempo.

    The partition whose straight lines, one for each stretch, leave the least squared errors when
    each stretch has a price; found by dynamic programming over all partitions (B. Jackson et al.,
    "An algorithm for optimal partitioning of data on an interval", 2005). Then what is shorter
    than 8 beats is joined to the neighbour whose tempo is nearer, and neighbours whose tempi lie
    within 2 % of each other are joined.

    Parameters
    ----------
    beats
        Seconds, rising.

    Returns
    -------
    tuple
        In order of time; each begins with the beat that the one before ends with. Empty for less
        than two beats.
    """
    if beats.size < 2:
        return ()
    edges = _partition(beats)
    while len(edges) > 2:
        tempi = [tempo_of(beats[a : b + 1]) for a, b in pairwise(edges)]
        apart = [abs(np.log(one / other)) for one, other in pairwise(tempi)]
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
    """Return the tempo of beats, two at least: of the mean of the steps near their median."""
    steps = np.diff(beats)
    usual = float(np.median(steps))
    near = np.abs(steps / usual - 1.0) < _NEAR
    # The mean of the usual steps is finer than the frames that a median is made of.
    return 60.0 / float(steps[near].mean() if near.any() else usual)


def steadiness(beats: F64, stretches: Sequence[Stretch]) -> float:
    """Return the share of steps within 4 % of the tempo of their stretch; 0 for none."""
    near = [
        np.abs(np.diff(beats[one.first : one.last + 1]) * one.bpm / 60.0 - 1.0) < _NEAR
        for one in stretches
    ]
    return float(np.concatenate(near).mean()) if near else 0.0


def _partition(beats: F64) -> list[int]:
    """Return the beats at which the best stretches begin and end."""
    count = beats.size
    index = np.arange(count, dtype=np.float64)
    sums = np.array([np.ones(count), index, index**2, beats, beats**2, index * beats])
    sums = np.concatenate([np.zeros((6, 1)), np.cumsum(sums, axis=1)], axis=1)
    best = np.zeros(count)
    link = np.zeros(count, np.int64)
    for last in range(1, count):
        # Every stretch that ends here, by its first beat.
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
