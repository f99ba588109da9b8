"""STFT, windows and separation measures, in pure numpy."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from kit.signal.decibels import power_to_db

Spectrum = NDArray[np.complex64]
"""Spectrogram; the last axes are frames and bins."""

SILENCE_DBFS = -200.0
"""Level of digital silence."""


def hann(size: int) -> F32:
    """Return a periodic Hann window.

    Parameters
    ----------
    size
        Length in samples.

    Returns
    -------
    ndarray
        float32, (size,), 0 to 1.
    """
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


def stft(signal: F32, window: F32, hop: int) -> Spectrum:
    """Compute the short-time Fourier transform of frames that lie wholly inside a signal.

    Parameters
    ----------
    signal
        (…, samples), at least one window long.
    window
        (size,), as from `hann`.
    hop
        Samples between the starts of two frames.

    Returns
    -------
    ndarray
        complex64, (…, frames, size // 2 + 1), without any scaling.

    Raises
    ------
    ValueError
        The signal is shorter than the window.
    """
    if signal.shape[-1] < window.size:
        raise ValueError(f"{signal.shape[-1]} samples are less than one window of {window.size}")
    frames = np.lib.stride_tricks.sliding_window_view(signal, window.size, axis=-1)
    return np.fft.rfft(frames[..., ::hop, :] * window, axis=-1).astype(np.complex64, copy=False)


def overlap_add(spectrum: Spectrum, window: F32, hop: int) -> F32:
    """Invert a short-time spectrum by windowed overlap-add (Griffin and Lim, 1984).

    Parameters
    ----------
    spectrum
        (…, frames, size // 2 + 1).
    window
        (size,); applied once more to every frame.
    hop
        A divisor of the window's length.

    Returns
    -------
    ndarray
        float32, (…, (frames - 1) · hop + size). Divided by `window_power`, it is the
        least-squares estimate of the signal with this spectrum (D. Griffin and J. Lim,
        "Signal estimation from modified short-time Fourier transform", 1984).

    Raises
    ------
    ValueError
        The hop does not divide the window.
    """
    size = window.size
    if size % hop:
        raise ValueError(f"a hop of {hop} does not divide a window of {size}")
    frames = np.fft.irfft(spectrum, size, axis=-1)
    frames *= window
    return _pile(frames.astype(np.float32, copy=False), hop)


def window_power(window: F32, hop: int, frames: int) -> F32:
    """Return the sum of the squared windows of a number of frames: (frames - 1) · hop + size."""
    return _pile(np.broadcast_to(window * window, (frames, window.size)), hop)


def _pile(frames: F32, hop: int) -> F32:
    """Overlap-add frames, one slab of hops at a time."""
    *lead, count, size = frames.shape
    slabs = size // hop
    parts = frames.reshape(*lead, count, slabs, hop)
    total = np.zeros((*lead, count + slabs - 1, hop), np.float32)
    for slab in range(slabs):
        total[..., slab : slab + count, :] += parts[..., slab, :]
    return total.reshape(*lead, -1)


def triangle(size: int) -> F32:
    """Return triangular weights of a segment: 1 in the middle, never 0."""
    half = size // 2
    rising, falling = np.arange(1, half + 1), np.arange(size - half, 0, -1)
    weight = np.concatenate([rising, falling]).astype(np.float32)
    peak: np.float32 = weight.max()
    return weight / peak


@dataclass(slots=True)
class LevelMeter:
    """Measures RMS level and peak of a stream of blocks."""

    power: float = 0.0
    peak: float = 0.0
    count: int = 0

    def add(self, block: F32) -> None:
        """Add a block of any shape."""
        if block.size:
            self.power += float(np.square(block, dtype=np.float64).sum())
            self.peak = max(self.peak, float(np.abs(block).max()))
            self.count += block.size

    @property
    def level_dbfs(self) -> float:
        """RMS relative to full scale."""
        return float(power_to_db(self.power / max(1, self.count), floor=SILENCE_DBFS))

    @property
    def peak_dbfs(self) -> float:
        """Peak relative to full scale."""
        return float(power_to_db(self.peak**2, floor=SILENCE_DBFS))


_SIZE = 2048
"""STFT window of the confidence measure, about 46 ms at 44.1 kHz."""
_QUIET = 1e-7
"""Mean power below which a second counts as silent: -70 dBFS."""


def second_confidence(stems: F32, mixture: F32) -> NDArray[np.float64]:
    """Estimate without a reference how clean each stem is in a second of audio.

    A stem is likely clean if little of its energy lies in time-frequency bins in which other stems
    are loud too. This share is reduced by the residual of the mixture.

    Parameters
    ----------
    stems
        (stems, channels, samples), about a second.
    mixture
        (channels, samples).

    Returns
    -------
    ndarray
        float64, (stems,), 0 to 1; 0 for a silent stem. It ranks passages, and is no
        signal-to-noise ratio.
    """
    short = _SIZE - stems.shape[-1]
    if short > 0:
        stems = np.pad(stems, ((0, 0), (0, 0), (0, short)))
        mixture = np.pad(mixture, ((0, 0), (0, short)))
    spectrum = stft(stems.mean(axis=1), hann(_SIZE), _SIZE // 2)
    power = np.square(np.abs(spectrum), dtype=np.float64)
    total = power.sum(axis=0) + 1e-20
    energy = power.sum(axis=(1, 2))
    owned = (power * power / total).sum(axis=(1, 2)) / np.maximum(energy, 1e-20)
    left = np.square(mixture - stems.sum(axis=0), dtype=np.float64).sum()
    whole = np.square(mixture, dtype=np.float64).sum()
    kept = 1.0 - min(1.0, left / max(whole, 1e-20))
    loud = np.square(stems, dtype=np.float64).mean(axis=(1, 2)) > _QUIET
    return np.where(loud, np.clip(owned * kept, 0.0, 1.0), 0.0)


@dataclass(slots=True)
class ConfidenceMeter:
    """Computes the confidence per second and stem of a stream of blocks.

    Parameters
    ----------
    rate
        Sample rate in Hz.
    """

    rate: int
    seconds: list[NDArray[np.float64]] = field(default_factory=list)
    _energy: list[NDArray[np.float64]] = field(default_factory=list)
    _stems: F32 | None = None
    _mixture: F32 | None = None

    def add(self, stems: F32, mixture: F32) -> None:
        """Add a block: (stems, channels, samples) and (channels, samples)."""
        if self._stems is not None and self._mixture is not None:
            stems = np.concatenate([self._stems, stems], axis=-1)
            mixture = np.concatenate([self._mixture, mixture], axis=-1)
        start = 0
        while stems.shape[-1] - start >= self.rate:
            self._measure(stems, mixture, start, start + self.rate)
            start += self.rate
        self._stems, self._mixture = stems[..., start:].copy(), mixture[..., start:].copy()

    def finish(self) -> None:
        """Measure the incomplete last second."""
        if self._stems is not None and self._mixture is not None and self._stems.shape[-1]:
            self._measure(self._stems, self._mixture, 0, self._stems.shape[-1])
        self._stems = self._mixture = None

    def _measure(self, stems: F32, mixture: F32, start: int, end: int) -> None:
        part = stems[..., start:end]
        self.seconds.append(second_confidence(part, mixture[..., start:end]))
        self._energy.append(np.square(part, dtype=np.float64).sum(axis=(1, 2)))

    def overall(self) -> NDArray[np.float64]:
        """Return the energy-weighted mean of each stem: (stems,)."""
        seconds, energy = np.array(self.seconds), np.array(self._energy)
        total = np.maximum(energy.sum(axis=0), 1e-20)
        mean: NDArray[np.float64] = (seconds * energy).sum(axis=0) / total
        return mean
