"""Fingerprint of a sample, by which copies of it are recognised. Numpy only."""

import base64
from itertools import pairwise

import numpy as np

from kit.arrays import Mono
from kit.signal.decibels import power_to_db
from kit.signal.spectra import Framing, magnitudes

BANDS = 8
FINE, COARSE = 32, 32
"""Frames of 10 ms from the onset on, and frames of 40 ms after them."""
_GROUP = 4
_HOP = 0.01
_EDGES = (30.0, 90.0, 200.0, 450.0, 1000.0, 2200.0, 4500.0, 8000.0, 14_000.0)
"""Hz: lossy coders leave nothing above them at low bit rates."""
_FLOOR = -60.0
"""dB relative to the loudest frame of the loudest band."""
_ONSET = 0.03
"""Share of the peak at which a sound begins."""
_SILENCE = 1e-4
STEPS = 4
"""Steps of a dB."""


def fingerprint(mono: Mono, rate: int) -> str | None:
    """Return the fingerprint of a sound, or `None` for silence.

    Parameters
    ----------
    mono
        `[samples]`, full scale ±1.
    rate
        In Hz.

    Returns
    -------
    str
        Base64 of bytes `[64, 8]`: the level of each band in quarters of a dB above -60 dB, relative
        to the loudest. Rows are 32 frames of 10 ms from the onset on, then 32 of 40 ms.

    Notes
    -----
    Band energies as in J. Haitsma and T. Kalker, "A highly robust audio fingerprinting system",
    ISMIR 2002; levels and not their signs, because a sample is short and known from its start.
    """
    sound = np.nan_to_num(np.asarray(mono, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(np.abs(sound).max(initial=0.0))
    if peak < _SILENCE:
        return None
    onset = int(np.argmax(np.abs(sound) >= _ONSET * peak))
    hop = max(1, round(_HOP * rate))
    # A fixed number of samples after the onset, so that every copy is cut into the same frames.
    length = (FINE + COARSE * _GROUP) * hop
    part = np.zeros(length, np.float32)
    cut = sound[onset : onset + length] / np.float32(peak)
    part[: cut.size] = cut
    size = 1 << max(8, round(np.log2(0.023 * rate)))
    framing = Framing(rate, size, hop)
    spectra = np.concatenate(list(magnitudes([part[None]], framing)))[: FINE + COARSE * _GROUP]
    frequencies = np.arange(framing.bins) * rate / framing.size
    limits = np.searchsorted(frequencies, _EDGES)
    power = np.asarray(spectra, np.float64) ** 2
    bands = np.stack(
        [power[:, low : max(high, low + 1)].sum(axis=1) for low, high in pairwise(limits)],
        axis=1,
    )
    late = bands[FINE:].reshape(COARSE, _GROUP, BANDS).mean(axis=1)
    frames = np.concatenate([bands[:FINE], late])
    levels = power_to_db(frames, reference=max(float(frames.max()), 1e-20), floor=_FLOOR)
    return base64.b64encode(np.round(STEPS * (levels - _FLOOR)).astype(np.uint8).tobytes()).decode()
