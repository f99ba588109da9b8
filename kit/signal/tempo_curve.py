"""The tempo over time: local tempi of a beat track, as few points as describe them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kit.arrays import F64
from kit.signal.tempo_map import Stretch

MAX_POINTS = 256
_REACH = 4
"""Beats on either side of a beat over which its tempo is measured."""
_TOLERANCE = 0.01
"""Maximum distance of a local tempo from the curve, as a share of it."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A tempo in beats a minute at a time in seconds."""

    time: float
    bpm: float


def tempo_curve(beats: F64, stretches: Sequence[Stretch]) -> tuple[CurvePoint, ...]:
    """Describe the tempo over time as a piecewise-linear curve.

    The local tempo of a beat is the slope of a line through it and up to four beats on either side,
    by least squares, within its stretch of constant tempo. Of the local tempi, the Douglas-Peucker
    algorithm keeps those from which no other differs by more than 1 %, or a larger share if more
    than 256 points would remain.

    Parameters
    ----------
    beats
        Seconds, ascending.
    stretches
        Of these beats, from `tempo_map.find_stretches`. Where one ends and the next begins, the
        tempo jumps: two points have the same time.

    Returns
    -------
    tuple
        In order of time, at most 256; the tempo is linear in time between two points, and constant
        before the first and after the last. Empty for fewer than two beats.
    """
    tempi = [_local(beats[part.first : part.last + 1]) for part in stretches]
    tolerance = _TOLERANCE
    while True:
        kept = [
            (beats[part.first : part.last + 1][chosen], local[chosen])
            for part, local in zip(stretches, tempi, strict=True)
            for chosen in [_simplify(beats[part.first : part.last + 1], np.log(local), tolerance)]
        ]
        if sum(times.size for times, _ in kept) <= MAX_POINTS or tolerance > 1.0:
            break
        tolerance *= 1.5
    points = [
        CurvePoint(float(time), float(bpm))
        for times, local in kept
        for time, bpm in zip(times, local, strict=True)
    ]
    return tuple(points[:MAX_POINTS])


def _local(times: F64) -> F64:
    """Return the tempo around each beat, `[beats]`, in beats a minute."""
    count = times.size
    tempi = np.empty(count)
    for beat in range(count):
        first, last = max(0, beat - _REACH), min(count, beat + _REACH + 1)
        index = np.arange(first, last) - 0.5 * (first + last - 1)
        around = times[first:last]
        tempi[beat] = 60.0 * float(index @ index) / float(index @ (around - around.mean()))
    return tempi


def _simplify(times: F64, values: F64, tolerance: float) -> list[int]:
    """Return the indices that the Douglas-Peucker algorithm keeps, by distance in value.

    D. Douglas and T. Peucker, "Algorithms for the reduction of the number of points required to
    represent a digitized line or its caricature", 1973.
    """
    kept, open_spans = {0, times.size - 1}, [(0, times.size - 1)]
    while open_spans:
        first, last = open_spans.pop()
        if last - first < 2:
            continue
        between = np.interp(times[first : last + 1], times[[first, last]], values[[first, last]])
        off = np.abs(values[first : last + 1] - between)
        farthest = int(np.argmax(off))
        if off[farthest] > tolerance:
            kept.add(first + farthest)
            open_spans += [(first, first + farthest), (first + farthest, last)]
    return sorted(kept)
