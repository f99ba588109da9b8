"""Short-time Fourier spectra of an audio stream, and filter banks over them.

Frame `t` of a spectrum is centred on sample `t * hop`: the signal is padded with half a window of
zeros at both ends, so a stream of `n` samples has `n // hop + 1` frames.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32

_SAMPLES_AT_ONCE = 1 << 19
"""Samples in one batch of frames: enough to be fast, few enough for flat memory."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How a signal is cut into frames.

    Parameters
    ----------
    sample_rate
        In Hz.
    size
        Samples of a frame, even.
    hop
        Samples from one frame to the next.
    """

    sample_rate: int
    size: int
    hop: int

    def __post_init__(self) -> None:
        if self.sample_rate < 1 or self.size < 2 or self.size % 2 or self.hop < 1:
            raise ValueError(
                f"a frame needs an even size and a positive hop, not {self.size} and {self.hop} "
                f"at {self.sample_rate} Hz"
            )

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop

    @property
    def bins(self) -> int:
        """Frequencies of a spectrum."""
        return self.size // 2 + 1

    @classmethod
    def of_seconds(cls, sample_rate: int, *, size: float, hop: float) -> "Framing":
        """Return the framing nearest to a window and a hop in seconds; the size a power of two."""
        exponent = max(4, round(np.log2(size * sample_rate)))
        return cls(sample_rate, 2**exponent, max(1, round(hop * sample_rate)))


def frames(blocks: Iterable[F32], framing: Framing) -> Iterator[F32]:
    """Cut a stream into overlapping frames.

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`; blocks may have any lengths.
    framing
        Size and hop.

    Yields
    ------
    F32
        Batches of frames, `[channels, frames, size]`, not windowed.
    """
    size, hop = framing.size, framing.hop
    max_frames = max(8, _SAMPLES_AT_ONCE // size)
    need = size + (max_frames - 1) * hop
    parts: list[F32] = []
    held = total = emitted = 0
    channels = 0
    for block in blocks:
        if not parts and not channels:
            channels = block.shape[0]
            parts.append(np.zeros((channels, size // 2), np.float32))
            held = size // 2
        parts.append(np.asarray(block, np.float32))
        held += block.shape[1]
        total += block.shape[1]
        while held >= need:
            joined = np.concatenate(parts, axis=1)
            yield _strided(joined, size, hop)[:, :max_frames]
            rest = joined[:, max_frames * hop :]
            parts, held = [rest], rest.shape[1]
            emitted += max_frames
    if not channels:
        return
    remaining = total // hop + 1 - emitted
    joined = np.concatenate([*parts, np.zeros((channels, size), np.float32)], axis=1)
    while remaining > 0:
        batch = min(remaining, max_frames)
        yield _strided(joined, size, hop)[:, :batch]
        joined = joined[:, batch * hop :]
        remaining -= batch


def _strided(signal: F32, size: int, hop: int) -> F32:
    return np.lib.stride_tricks.sliding_window_view(signal, size, axis=1)[:, ::hop]


def magnitudes(blocks: Iterable[F32], framing: Framing, *, gain: float = 1.0) -> Iterator[F32]:
    """Compute magnitude spectra of a stream (Hann-windowed STFT), channels averaged in power.

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`.
    framing
        Size and hop.
    gain
        Linear factor on the signal.

    Yields
    ------
    F32
        `[frames, bins]`, ≥ 0; a full-scale sine in one bin reads 1. Averaging power instead of
        waveforms keeps sounds that are out of phase between the channels.
    """
    window = np.hanning(framing.size + 1)[:-1].astype(np.float32)
    window *= np.float32(2.0 * gain / window.sum())
    for batch in frames(blocks, framing):
        power = np.zeros((batch.shape[1], framing.bins), np.float32)
        for channel in batch:
            spectrum = np.fft.rfft(channel * window, axis=1)
            power += (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        power /= batch.shape[0]
        yield np.sqrt(power, out=power)


def triangles(edges: NDArray[np.float64], framing: Framing) -> F32:
    """Build a bank of triangular filters between neighbouring frequencies.

    Parameters
    ----------
    edges
        Ascending frequencies in Hz, `[bands + 2]`; filter `b` rises from `edges[b]` to
        `edges[b + 1]` and falls to `edges[b + 2]`.
    framing
        Framing of the spectra.

    Returns
    -------
    F32
        `[bands, bins]`, each row sums to 1. A filter narrower than a bin takes the nearest bin.
    """
    frequencies = np.arange(framing.bins) * framing.sample_rate / framing.size
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - left) / np.maximum(centre - left, 1e-9)
    falling = (right - frequencies) / np.maximum(right - centre, 1e-9)
    bank = np.maximum(0.0, np.minimum(rising, falling))
    for band in np.flatnonzero(bank.sum(axis=1) < 1e-6):
        bank[band, np.argmin(np.abs(frequencies - edges[band + 1]))] = 1.0
    bank /= bank.sum(axis=1, keepdims=True)
    return bank.astype(np.float32)


def log_bands(framing: Framing, *, low: float, high: float, per_octave: int) -> F32:
    """Build a log-frequency filter bank; where bins are too coarse, one filter per distinct bin.

    Parameters
    ----------
    framing
        Framing of the spectra.
    low, high
        Range of the centres in Hz; `high` is capped at the Nyquist frequency.
    per_octave
        Filters per octave.

    Returns
    -------
    F32
        `[bands, bins]`.
    """
    high = min(high, 0.5 * framing.sample_rate)
    if low >= high:
        raise ValueError(f"no band lies between {low:g} and {high:g} Hz")
    count = int(np.floor(per_octave * np.log2(high / low))) + 1
    edges = low * 2.0 ** (np.arange(-1, count + 1) / per_octave)
    width = framing.sample_rate / framing.size
    bins = np.unique(np.round(edges / width)).astype(np.int64)
    bins = bins[(bins >= 1) & (bins < framing.bins)]
    if bins.size < 3:
        raise ValueError(f"a frame of {framing.size} samples is too short for bands at {low:g} Hz")
    return triangles(np.asarray(bins * width, np.float64), framing)


def mel_bands(framing: Framing, *, low: float, high: float, bands: int) -> F32:
    """Build a mel filter bank (O'Shaughnessy's formula).

    Parameters
    ----------
    framing
        Framing of the spectra.
    low, high
        Range in Hz; `high` is capped at the Nyquist frequency.
    bands
        Number of filters.

    Returns
    -------
    F32
        `[bands, bins]`.
    """
    high = min(high, 0.5 * framing.sample_rate)
    if low >= high:
        raise ValueError(f"no band lies between {low:g} and {high:g} Hz")
    lowest, highest = 2595.0 * np.log10(1.0 + np.array([low, high]) / 700.0)
    mels = np.linspace(lowest, highest, bands + 2)
    edges = np.asarray(700.0 * (10.0 ** (mels / 2595.0) - 1.0), dtype=np.float64)
    return triangles(edges, framing)
