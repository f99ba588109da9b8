"""Draw waveforms and mel spectrograms. Pure numpy."""

from collections.abc import Iterable

import numpy as np

from kit.arrays import F32, F64
from kit.signal.spectra import Framing, magnitudes, mel_bands
from services.analysis.writers import Picture

_GROUND = (16, 18, 24)
_AXIS = (52, 58, 72)
_PEAK = (62, 132, 190)
_BODY = (132, 196, 236)
_RAMP = (
    (0.0, (10, 8, 24)),
    (0.25, (62, 18, 92)),
    (0.5, (160, 42, 104)),
    (0.75, (240, 118, 72)),
    (1.0, (254, 244, 190)),
)
"""Colours of a spectrogram from soft to loud; brightness rises evenly."""
_RANGE_DB = 80.0


def _fold(blocks: Iterable[F32], samples: int, width: int) -> tuple[F64, F64, F64]:
    """Return minimum, maximum and mean square of the samples in each column, `[width]` each."""
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    power, count = np.zeros(width), np.zeros(width)
    position = 0
    for block in blocks:
        length = block.shape[1]
        columns = (np.arange(position, position + length) * width) // max(1, samples)
        columns = np.minimum(columns, width - 1)
        starts = np.flatnonzero(np.diff(columns, prepend=-1))
        at = columns[starts]
        low[at] = np.minimum(low[at], np.minimum.reduceat(block.min(axis=0), starts))
        high[at] = np.maximum(high[at], np.maximum.reduceat(block.max(axis=0), starts))
        squares = np.mean(block.astype(np.float64) ** 2, axis=0)
        power[at] += np.add.reduceat(squares, starts)
        count[at] += np.diff(starts, append=length)
        position += length
    filled = np.flatnonzero(count)
    if not filled.size:
        return np.zeros(width), np.zeros(width), np.zeros(width)
    # If there are more columns than samples, interpolate linearly between them.
    every = np.arange(width)
    mean = np.interp(every, filled, power[filled] / count[filled])
    return np.interp(every, filled, low[filled]), np.interp(every, filled, high[filled]), mean


def waveform(blocks: Iterable[F32], samples: int, *, width: int, height: int) -> Picture:
    """Draw a waveform: the range of the samples in each column, and their RMS over it.

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`; channels are overlaid.
    samples
        In all blocks together.
    width, height
        In pixels; full scale reaches the edges.
    """
    low, high, power = _fold(blocks, samples, width)
    body = np.sqrt(power)
    # Neighbouring columns touch, so that a steep flank is one line.
    low[1:], high[1:] = np.minimum(low[1:], high[:-1]), np.maximum(high[1:], low[:-1])
    middle = (height - 1) / 2.0
    rows = np.arange(height)[:, None]
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = _GROUND
    picture[round(middle)] = _AXIS
    top = np.floor(middle * (1.0 - np.clip(high, -1.0, 1.0)))
    bottom = np.ceil(middle * (1.0 - np.clip(low, -1.0, 1.0)))
    picture[(rows >= top) & (rows <= bottom) & (high > low)] = _PEAK
    inside = (rows >= middle * (1.0 - body)) & (rows <= middle * (1.0 + body))
    picture[inside & (rows >= top) & (rows <= bottom) & (body > 1e-4)] = _BODY
    return picture


def mel_spectrogram(
    blocks: Iterable[F32], samples: int, sample_rate: int, *, width: int, height: int
) -> Picture:
    """Draw a mel spectrogram over a range of 80 dB.

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`.
    samples
        In all blocks together.
    sample_rate
        In Hz.
    width, height
        In pixels; the lowest band, 30 Hz, is at the bottom, 16 kHz or half the rate at the top.
    """
    whole = Framing.of_seconds(sample_rate, size=0.0464, hop=0.01)
    hop = int(np.clip(samples // width, max(1, whole.size // 64), whole.size // 2))
    framing = Framing(sample_rate, whole.size, hop)
    bands = min(height, 160)
    bank = mel_bands(framing, low=30.0, high=16_000.0, bands=bands)
    sums, count = np.zeros((width, bands)), np.zeros(width)
    first = 0
    for batch in magnitudes(blocks, framing):
        power = (batch**2) @ bank.T
        at = (np.arange(first, first + power.shape[0]) * hop * width) // max(1, samples)
        columns = np.minimum(at, width - 1)
        np.add.at(sums, columns, power)
        np.add.at(count, columns, 1)
        first += power.shape[0]
    filled = np.flatnonzero(count)
    levels = np.full((width, bands), -_RANGE_DB)
    if filled.size:
        mean = sums[filled] / count[filled, None]
        decibels = 10.0 * np.log10(np.maximum(mean, 1e-12))
        decibels -= decibels.max()
        # A column without a frame of its own shows the one before it.
        nearest = np.maximum(np.searchsorted(filled, np.arange(width), side="right") - 1, 0)
        levels = decibels[nearest]
    shade = np.clip(1.0 + levels / _RANGE_DB, 0.0, 1.0)
    rows = np.minimum(bands - 1, (np.arange(height)[::-1] * bands) // height)
    return _coloured(shade.T[rows])


def _coloured(shade: F64) -> Picture:
    stops = [at for at, _ in _RAMP]
    channels = [
        np.interp(shade, stops, [colour[channel] for _, colour in _RAMP]) for channel in range(3)
    ]
    return np.asarray(np.round(np.stack(channels, axis=2)), dtype=np.uint8)
