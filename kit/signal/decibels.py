"""Convert power and amplitude to decibels, with a floor instead of minus infinity."""

import numpy as np
from numpy.typing import ArrayLike

from kit.arrays import F64


def power_to_db(power: ArrayLike, *, reference: float = 1.0, floor: float) -> F64:
    """Convert power to dB: `10 · log10(power / reference)`, not below `floor`, same shape."""
    ratio = np.asarray(power, np.float64) / reference
    lowest = 10.0 ** (floor / 10.0)
    return np.asarray(np.maximum(10.0 * np.log10(np.maximum(ratio, lowest)), floor))


def amplitude_to_db(level: float, *, floor: float = -200.0) -> float:
    """Convert a linear level to dBFS: `20 · log10(level)`, not below `floor`; full scale is 1."""
    return max(floor, 20.0 * float(np.log10(max(level, 10.0 ** (floor / 20.0)))))
