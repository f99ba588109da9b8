"""What the audio itself says of a note: its partials, and how they rise and fall away.

A network's posteriors blur the end of a note by a tenth of a second; the partials do not. Frames
are those of the network.
"""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

RATE = 22050
"""Samples a second of what the network hears."""
HOP = 256
"""Samples from one frame to the next."""
FRAME = HOP / RATE
"""Seconds from one frame to the next."""

_FFT = 2048
_PARTIALS = 8
_FLOOR = 1e-7
_LOWEST_PARTIAL_HZ = 90.0
_HIGHEST_PARTIAL_HZ = 6000.0
_RISE_FRAMES = 3
# A note ends where its partials fall by this much from `BEFORE` to `AFTER` frames around.
_FALL_DB = 8.0
_BEFORE = 3
_AFTER = 5
_LEAST_BEFORE_FALL = 4
_NEARLY = 0.8


def power(audio: Float, frames: int) -> Float:
    """Short-time power spectrum on the network's frames.

    Parameters
    ----------
    audio
        [samples], mono at `RATE`; frame i is centred on sample i · `HOP`.
    frames
        How many to compute; what lies beyond the audio is silence.

    Returns
    -------
    ndarray
        [frames, 1025], float32.
    """
    needed = (frames - 1) * HOP + _FFT
    padded = np.zeros(max(needed, 0), np.float32)
    body = audio[: max(needed - _FFT // 2, 0)]
    padded[_FFT // 2 : _FFT // 2 + len(body)] = body
    window = np.hanning(_FFT + 1)[:-1].astype(np.float32)
    result = np.empty((frames, _FFT // 2 + 1), np.float32)
    for first in range(0, frames, 256):
        last = min(first + 256, frames)
        views = np.lib.stride_tricks.sliding_window_view(
            padded[first * HOP : (last - 1) * HOP + _FFT], _FFT
        )[::HOP]
        spectrum = np.fft.rfft(views * window, axis=1)
        result[first:last] = spectrum.real**2 + spectrum.imag**2
    return result


def partials(spectrum: Float, pitch: int) -> Float:
    """Power of a pitch's partials over time.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.

    Returns
    -------
    ndarray
        [partials, frames]; those between 90 and 6000 Hz, at most 8.
    """
    fundamental = 440 * 2 ** ((pitch - 69) / 12)
    rows = [
        spectrum[:, bin_ - 1 : bin_ + 2].sum(axis=1)
        for k in range(1, _PARTIALS + 1)
        if _LOWEST_PARTIAL_HZ <= k * fundamental <= _HIGHEST_PARTIAL_HZ
        for bin_ in (round(k * fundamental * _FFT / RATE),)
    ]
    return np.array(rows, np.float32).reshape(len(rows), len(spectrum))


def rise(spectrum: Float, pitch: int, start: int) -> float:
    """Return by how many dB a pitch's partials grow at a frame, weighted by their level after it.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.
    start
        The frame.

    Returns
    -------
    float
        Infinite where there is too little audio around the frame to tell.
    """
    first = max(0, start - _RISE_FRAMES)
    rows = partials(spectrum[first : start + _RISE_FRAMES + 1], pitch)
    if not len(rows) or rows.shape[1] < 2 * _RISE_FRAMES:
        return np.inf
    level = 10 * np.log10(rows + _FLOOR)
    weight = np.sqrt(rows[:, -1])
    growth = level[:, -1] - level[:, :_RISE_FRAMES].min(axis=1)
    return float((weight * growth).sum() / max(float(weight.sum()), _FLOOR))


def fall(spectrum: Float, pitch: int, start: int, end: int) -> int | None:
    """Find where a pitch's partials fall away: as fast as a released note, not as a ringing one.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.
    start, end
        Frames between which the note sounds; the fall may be seen a little later.

    Returns
    -------
    int or None
        One past the frame, at least 4 after `start`, at which the partials, weighted by their
        level, begin to lose 8 dB or more within 93 ms, and nearly as much as they come to lose;
        none if they never do.
    """
    rows = partials(spectrum[start:end], pitch)
    span = _BEFORE + _AFTER
    frames = rows.shape[1] - span
    if not len(rows) or frames < _LEAST_BEFORE_FALL + 1:
        return None
    decibels = 10 * np.log10(rows + _FLOOR)
    weight = np.sqrt(rows[:, :frames])
    lost = decibels[:, :frames] - decibels[:, span:]
    mean = (weight * lost).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-9)
    # `mean[i]` belongs to frame i + BEFORE.
    padded = np.concatenate([np.full(_BEFORE, -np.inf), mean, [-np.inf]])
    here, earlier, later = padded[1:-1], padded[:-2], padded[2:]
    steepest = np.flatnonzero((here > _FALL_DB) & (here >= earlier) & (here >= later)) + 1
    steepest = steepest[steepest >= _LEAST_BEFORE_FALL]
    if not len(steepest):
        return None
    # A long release is as steep for a while; the note ended where it became so.
    first = int(steepest[0])
    steep = max(_FALL_DB, _NEARLY * float(padded[first]))
    while first > _LEAST_BEFORE_FALL and padded[first - 1] >= steep:
        first -= 1
    return start + first + 1
