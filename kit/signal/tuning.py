"""Tuning estimation: the deviation of a recording from A = 440 Hz."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kit.arrays import F32
from kit.signal.spectra import Framing, magnitudes

WINDOW, HOP = 0.372, 0.0929
"""Seconds; the window resolves semitones from about 60 Hz."""
TUNED_BY_SECONDS = 120.0
"""Length of the excerpt from which the tuning is estimated."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """An estimated tuning, and how consistently the recording keeps to it.

    Parameters
    ----------
    semitones
        Over A at 440 Hz, -0.5 to 0.5.
    agreement
        0 to 1: length of the circular mean of the peaks' deviations. Glides, vibrato and noise
        lower it.
    """

    semitones: float
    agreement: float


def find_tuning(blocks: Iterable[F32], sample_rate: int) -> Tuning:
    """Estimate the tuning of a recording by the circular mean over its spectral peaks.

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`; a minute or two is enough.
    sample_rate
        In Hz.

    Returns
    -------
    Tuning
        The circular mean of the peaks' deviations from equal temperament, weighted by magnitude;
        0 if there are no peaks.
    """
    framing = Framing.of_seconds(sample_rate, size=WINDOW, hop=HOP)
    width = sample_rate / framing.size
    low, high = int(110.0 / width), min(framing.bins - 2, int(2000.0 / width))
    total, weight = 0j, 0.0
    for batch in magnitudes(blocks, framing):
        left, middle, right = (batch[:, low + k : high + k] for k in (-1, 0, 1))
        floor = 0.02 * batch.max(axis=1, keepdims=True)
        peaked = (middle > left) & (middle >= right) & (middle > floor) & (middle > 1e-5)
        rows, columns = np.nonzero(peaked)
        if not rows.size:
            continue
        # Parabolic interpolation of log magnitudes locates a Hann window's peak between bins.
        a, b, c = (np.log(np.maximum(part[rows, columns], 1e-9)) for part in (left, middle, right))
        shift = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9)
        pitch = 12.0 * np.log2((columns + low + shift) * width / 440.0)
        weight += float(middle[rows, columns].sum())
        total += complex(np.sum(middle[rows, columns] * np.exp(2j * np.pi * pitch)))
    if abs(total) <= 0:
        return Tuning(0.0, 0.0)
    return Tuning(float(np.angle(total) / (2 * np.pi)), abs(total) / weight)
