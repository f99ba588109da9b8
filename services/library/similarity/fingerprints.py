"""Compares fingerprints of samples: what `services/tagging/fingerprints.py` writes."""

import numpy as np
from numpy.typing import NDArray

BANDS, FINE, COARSE = 8, 32, 32
SIZE = BANDS * (FINE + COARSE)
"""Bytes of a fingerprint."""
_STEPS = 4
"""Steps of a dB."""
_LAG = 1
"""Frames of 10 ms by which one of the two may be late."""
_INAUDIBLE = 40.0
"""dB below the loudest part. What both sounds have only below it is not compared: there a lossy
coder leaves its own noise."""
BandLevels = NDArray[np.float32]
"""dB above -60 dB relative to the loudest, `[64, 8]`."""


def read_fingerprint(data: bytes) -> BandLevels | None:
    """Return the levels of a fingerprint, or `None` if it has another size."""
    if len(data) != SIZE:
        return None
    rows = np.frombuffer(data, np.uint8).reshape(FINE + COARSE, BANDS)
    return np.asarray(rows, np.float32) / np.float32(_STEPS)


def fingerprint_difference(first: BandLevels, second: BandLevels) -> float:
    """Return how much two sounds differ in their levels, in dB.

    The root of the mean squared difference over what at least one of them has above -40 dB; of
    three offsets, -10 ms to 10 ms, the smallest.
    """
    late = _difference(first[FINE:], second[FINE:])
    best = np.inf
    for lag in range(-_LAG, _LAG + 1):
        start = first[max(0, lag) : FINE + min(0, lag)]
        shifted = second[max(0, -lag) : FINE + min(0, -lag)]
        early = _difference(start, shifted)
        total = (early[0] + late[0]) / max(1, early[1] + late[1])
        best = min(best, float(total) ** 0.5)
    return best


def _difference(first: BandLevels, second: BandLevels) -> tuple[float, int]:
    """Return the sum of squared differences of what is audible, and of how many values it is."""
    audible = np.maximum(first, second) > 60.0 - _INAUDIBLE
    gaps = (first - second)[audible]
    return float((gaps * gaps).sum()), int(audible.sum())
