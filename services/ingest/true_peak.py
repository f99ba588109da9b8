"""Measure the true peak of a stream (ITU-R BS.1770-4)."""

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

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
