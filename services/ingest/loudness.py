"""Measure integrated loudness and true peak of a stream (ITU-R BS.1770-4)."""

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


@lru_cache(maxsize=4)
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


class IntegratedLoudness:
    """Measures the integrated loudness of a stream of one or two channels.

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
        response = _impulse_response(sample_rate)
        self._rate = sample_rate
        self._history = len(response) - 1
        self._size = 1 << (8 * len(response) - 1).bit_length()
        self._spectrum = np.fft.rfft(response, self._size).astype(np.complex64)
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
        left = self._waiting.shape[1] - self._history
        if left > 0:
            padded = np.zeros((len(self._waiting), self._size), np.float32)
            padded[:, : self._waiting.shape[1]] = self._waiting
            self._filter(padded, left)
            self._waiting = self._waiting[:, :0]
        steps = np.array(self._energies)
        if len(steps) < _STEPS_A_BLOCK:
            return None
        block = np.convolve(steps, np.ones(_STEPS_A_BLOCK), "valid")
        powers = block * _STEPS_A_SECOND / (_STEPS_A_BLOCK * self._rate)
        powers = powers[powers > 10 ** ((ABSOLUTE_GATE - _OFFSET) / 10)]
        if not len(powers):
            return None
        gate = powers.mean() * 10 ** (RELATIVE_GATE / 10)
        return float(_OFFSET + 10 * np.log10(powers[powers > gate].mean()))

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


_TAPS = 24
"""Of each phase of the interpolator."""
_ROW = 32
"""Samples interpolated by one row of the matrix product."""


def _phases(factor: int) -> NDArray[np.float64]:
    """Return the interpolator's phases between samples, `[factor - 1, _TAPS]`."""
    at = np.arange(_TAPS) - (_TAPS // 2 - 1)
    rows = []
    for phase in range(1, factor):
        distance = at - phase / factor
        window = np.i0(9.0 * np.sqrt(1 - (2 * distance / (_TAPS + 1)) ** 2)) / np.i0(9.0)
        taps = np.sinc(distance) * window
        rows.append(taps / taps.sum())
    return np.array(rows)


class TruePeak:
    """Measures the true peak: the highest level between samples, by oversampling.

    Parameters
    ----------
    sample_rate
        In Hz: fourfold oversampling below 96 kHz, twofold below 192 kHz, none above.
    channels
        Of the stream.

    Notes
    -----
    ITU-R BS.1770-4, annex 2, with a Kaiser-windowed sinc of 24 taps a phase, which is within
    0.1 dB up to 0.42 of the sample rate. Stretches that cannot hold the maximum are skipped: no
    point between samples is higher than their peak times the sum of a phase's magnitudes.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        factor = 4 if sample_rate < 96_000 else 2 if sample_rate < 192_000 else 1
        # The stream is preceded by silence.
        self._tail = np.zeros((channels, _TAPS // 2 - 1), np.float32)
        self.sample_peak = 0.0
        """The highest sample so far, full scale at 1."""
        self._peak = 0.0
        self._matrix: NDArray[np.float32] | None = None
        self._bound = 1.0
        if factor > 1:
            phases = _phases(factor)
            self._bound = float(np.abs(phases).sum(axis=1).max())
            matrix = np.zeros((_ROW + _TAPS - 1, _ROW, factor - 1))
            for place in range(_ROW):
                matrix[place : place + _TAPS, place] = phases.T
            self._matrix = matrix.reshape(len(matrix), -1).astype(np.float32)

    def add(self, block: AudioBlock) -> None:
        """Take the next block, `[channels, samples]`."""
        self.sample_peak = max(self.sample_peak, float(np.abs(block).max(initial=0.0)))
        if self._matrix is None:
            return
        known = np.concatenate((self._tail, block), axis=1)
        rows = (known.shape[1] - (_TAPS - 1)) // _ROW
        if rows > 0:
            self._between(known[:, : rows * _ROW + _TAPS - 1])
            known = known[:, rows * _ROW :]
        self._tail = known.copy()

    def peak(self) -> float:
        """Return the true peak so far, full scale at 1, with silence after the last sample."""
        if self._matrix is not None:
            rows = -(-self._tail.shape[1] // _ROW)
            ended = np.zeros((len(self._tail), rows * _ROW + _TAPS - 1), np.float32)
            ended[:, : self._tail.shape[1]] = self._tail
            self._between(ended)
        return max(self._peak, self.sample_peak)

    def _between(self, known: AudioBlock) -> None:
        """Interpolate between the samples of whole rows and update the peak."""
        if self._matrix is None:
            return
        windows = np.lib.stride_tricks.sliding_window_view(known, _ROW + _TAPS - 1, axis=1)
        windows = windows[:, ::_ROW].reshape(-1, _ROW + _TAPS - 1)
        highest = np.abs(windows).max(axis=1) * self._bound
        hopeful = windows[highest > max(self._peak, self.sample_peak)]
        if len(hopeful):
            self._peak = max(self._peak, float(np.abs(hopeful @ self._matrix).max()))
