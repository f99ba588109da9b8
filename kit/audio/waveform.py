"""The small waveform of a whole file: 150 columns of peak and RMS, whatever its length."""

import base64

import numpy as np
from numpy.typing import NDArray

from contracts.waveforms import WAVEFORM_COLUMNS, WaveformData
from kit.arrays import F32, F64, AudioBlock

_MAX_BINS = 64 * WAVEFORM_COLUMNS
"""Bins that are held at most, so that a column's edge is off by less than 1/32 of its width."""


class WaveformMeter:
    """Measures the waveform of a stream whose length is unknown, in constant memory.

    Bins of equal width hold peak and energy. When there are too many, neighbours are merged, which
    doubles the width.
    """

    def __init__(self) -> None:
        self._width = 1
        self._fill = 1
        """Samples in the last bin; all others hold `_width`."""
        self._peaks: F32 = np.zeros(0, np.float32)
        self._energy: F64 = np.zeros(0)

    def add(self, block: AudioBlock) -> None:
        """Add a block, `[channels, samples]`, full scale at -1 and 1."""
        peaks = np.abs(block).max(axis=0)
        energy = np.square(block, dtype=np.float64).mean(axis=0)
        if self._peaks.size and (room := self._width - self._fill):
            first, peaks = peaks[:room], peaks[room:]
            self._peaks[-1] = max(self._peaks[-1], first.max(initial=0.0))
            self._energy[-1] += energy[:room].sum()
            self._fill += first.size
            energy = energy[room:]
        if not peaks.size:
            return
        starts = np.arange(0, peaks.size, self._width)
        self._peaks = np.concatenate((self._peaks, np.maximum.reduceat(peaks, starts)))
        self._energy = np.concatenate((self._energy, np.add.reduceat(energy, starts)))
        self._fill = peaks.size - int(starts[-1])
        while self._peaks.size > _MAX_BINS:
            self._merge()

    def encoded(self) -> WaveformData:
        """Return what was added so far."""
        columns = np.zeros((WAVEFORM_COLUMNS, 2))
        if self._peaks.size:
            lengths = np.full(self._peaks.size, self._width)
            lengths[-1] = self._fill
            starts = np.arange(WAVEFORM_COLUMNS) * self._peaks.size // WAVEFORM_COLUMNS
            columns[:, 0] = np.maximum.reduceat(self._peaks, starts)
            energy = np.add.reduceat(self._energy, starts)
            columns[:, 1] = np.sqrt(energy / np.add.reduceat(lengths, starts))
        companded: NDArray[np.float64] = np.rint(255.0 * np.sqrt(columns.clip(0.0, 1.0)))
        return base64.b64encode(companded.astype(np.uint8).tobytes()).decode()

    def _merge(self) -> None:
        starts = np.arange(0, self._peaks.size, 2)
        if self._peaks.size % 2 == 0:
            self._fill += self._width
        self._peaks = np.maximum.reduceat(self._peaks, starts)
        self._energy = np.add.reduceat(self._energy, starts)
        self._width *= 2


def waveform_of(audio: AudioBlock) -> WaveformData:
    """Return the waveform of audio in memory, `[channels, samples]`, full scale at -1 and 1."""
    meter = WaveformMeter()
    meter.add(audio)
    return meter.encoded()
