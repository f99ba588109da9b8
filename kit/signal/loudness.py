"""Measure the loudness of a stream in LUFS (ITU-R BS.1770-4)."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

ABSOLUTE_GATE = -70.0
"""LUFS."""
RELATIVE_GATE = -10.0
"""LU relative to the mean of the blocks above the absolute gate."""
_OFFSET = -0.691
_STEPS_A_SECOND = 10
_STEPS_A_BLOCK = 4
"""Gating blocks of 400 ms that overlap by three quarters."""

# The standard gives coefficients for 48 kHz alone. These analogue prototypes give the same ones
# there, and the same response at any rate (libebur128 and pyloudnorm use them, too).
_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_HIGHPASS_HZ, _HIGHPASS_Q = 38.13547087602444, 0.5003270373238773
_RESPONSE_SECONDS = 0.125
"""After this the filters' impulse response is below -140 dB of its start."""


def k_weighting(sample_rate: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the two second-order sections of K-weighting at a rate in Hz.

    Returns
    -------
    tuple
        For the shelf and for the high-pass: `b0, b1, b2, a1, a2`, with `a0` 1.

    Notes
    -----
    ITU-R BS.1770-4, tables 1 and 2, through the bilinear transform of their analogue prototypes.
    """
    warp = math.tan(math.pi * _SHELF_HZ / sample_rate)
    high = 10 ** (_SHELF_DB / 20)
    band = high**0.4996667741545416
    norm = 1 + warp / _SHELF_Q + warp * warp
    shelf = (
        (high + band * warp / _SHELF_Q + warp * warp) / norm,
        2 * (warp * warp - high) / norm,
        (high - band * warp / _SHELF_Q + warp * warp) / norm,
        2 * (warp * warp - 1) / norm,
        (1 - warp / _SHELF_Q + warp * warp) / norm,
    )
    warp = math.tan(math.pi * _HIGHPASS_HZ / sample_rate)
    norm = 1 + warp / _HIGHPASS_Q + warp * warp
    highpass = (
        *(1.0, -2.0, 1.0),
        2 * (warp * warp - 1) / norm,
        (1 - warp / _HIGHPASS_Q + warp * warp) / norm,
    )
    return shelf, highpass


def _impulse_response(sample_rate: int) -> NDArray[np.float64]:
    """Return K-weighting as a finite impulse response, truncated at -140 dB."""
    length = max(16, round(_RESPONSE_SECONDS * sample_rate))
    signal = [1.0] + [0.0] * (length - 1)
    for b0, b1, b2, a1, a2 in k_weighting(sample_rate):
        filtered, x1, x2, y1, y2 = [], 0.0, 0.0, 0.0, 0.0
        for x in signal:
            y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
            filtered.append(y)
            x1, x2, y1, y2 = x, x1, y, y1
        signal = filtered
    return np.array(signal)


@lru_cache(maxsize=4)
def _transfer_function(sample_rate: int) -> tuple[int, int, NDArray[np.complex64]]:
    """Return the samples of history, the size of a transform, and K-weighting's spectrum."""
    response = _impulse_response(sample_rate)
    size = 1 << (8 * len(response) - 1).bit_length()
    return len(response) - 1, size, np.fft.rfft(response, size).astype(np.complex64)


class LoudnessMeter:
    """Measures the loudness of a stream of one or two channels.

    Parameters
    ----------
    sample_rate
        In Hz, 8000 or more.
    channels
        1 or 2, each of weight 1: mono counts as one loudspeaker.

    Notes
    -----
    ITU-R BS.1770-4, annex 1. The filters run as a fast convolution (overlap and save), which
    vectorises; energies are stored for each 100 ms only.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._history, self._size, self._spectrum = _transfer_function(sample_rate)
        self._step = self._size - self._history
        self._waiting = np.zeros((channels, self._history), np.float32)
        self._filtered = 0
        self._energies: list[float] = []
        self._open = 0.0
        """Energy of the incomplete 100 ms."""

    def add(self, block: AudioBlock) -> None:
        """Take the next block, `[channels, samples]`."""
        self._waiting = np.concatenate((self._waiting, block), axis=1)
        while self._waiting.shape[1] >= self._size:
            self._filter(self._waiting[:, : self._size], self._step)
            self._waiting = self._waiting[:, self._step :]

    def integrated(self) -> float | None:
        """Return the loudness in LUFS after all blocks; `None` for silence or less than 400 ms.

        No block can be added afterwards.
        """
        self._finish()
        steps = np.array(self._energies)
        if len(steps) < _STEPS_A_BLOCK:
            return None
        powers = self._powers(steps)
        powers = powers[powers > 10 ** ((ABSOLUTE_GATE - _OFFSET) / 10)]
        if not len(powers):
            return None
        gate = powers.mean() * 10 ** (RELATIVE_GATE / 10)
        return float(_OFFSET + 10 * np.log10(powers[powers > gate].mean()))

    def maximum_momentary(self) -> float | None:
        """Return the loudness of the loudest 400 ms in LUFS after all blocks; `None` for silence.

        A shorter stream is followed by silence. No block can be added afterwards.

        Notes
        -----
        The maximum momentary loudness of EBU Tech 3341, without a gate.
        """
        self._finish()
        steps = np.array([*self._energies, self._open])
        missing = max(0, _STEPS_A_BLOCK - len(steps))
        loudest = float(self._powers(np.pad(steps, (0, missing))).max())
        return _OFFSET + 10 * math.log10(loudest) if loudest > 0 else None

    def _powers(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean power of each block of 400 ms, from energies of 100 ms."""
        block = np.convolve(steps, np.ones(_STEPS_A_BLOCK), "valid")
        return block * _STEPS_A_SECOND / (_STEPS_A_BLOCK * self._rate)

    def _finish(self) -> None:
        """Filter what waits for a complete transform."""
        left = self._waiting.shape[1] - self._history
        if left > 0:
            padded = np.zeros((len(self._waiting), self._size), np.float32)
            padded[:, : self._waiting.shape[1]] = self._waiting
            self._filter(padded, left)
            self._waiting = self._waiting[:, :0]

    def _filter(self, part: AudioBlock, count: int) -> None:
        """Filter a part that begins with history, and accumulate `count` output samples."""
        if not part.any():
            self._gather(np.zeros(count))
            return
        filtered = np.fft.irfft(np.fft.rfft(part, axis=1) * self._spectrum, self._size, axis=1)
        kept = filtered[:, self._history : self._history + count]
        self._gather(np.einsum("cs,cs->s", kept, kept, dtype=np.float64))

    def _gather(self, power: NDArray[np.float64]) -> None:
        """Accumulate the power of the next samples, `[samples]`, by 100 ms."""
        count = len(power)
        start, end = self._filtered, self._filtered + count
        first = math.floor(start * _STEPS_A_SECOND / self._rate) + 1
        last = math.floor(end * _STEPS_A_SECOND / self._rate)
        edges = [round(step * self._rate / _STEPS_A_SECOND) for step in range(first, last + 1)]
        edges = [edge for edge in edges if start < edge <= end]
        at = 0
        for edge in edges:
            self._energies.append(self._open + float(power[at : edge - start].sum()))
            self._open, at = 0.0, edge - start
        self._open += float(power[at:].sum())
        self._filtered = end
