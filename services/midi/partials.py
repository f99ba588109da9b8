"""What the audio itself says of a note: its partials, and how they rise and fall away.

A network's posteriors blur the end of a note by a tenth of a second; the partials do not. Frames
are those of the network.
"""

import numpy as np

from kit.arrays import F32

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
_BEFORE_RISE = 6
# A vibrato moves partials this far, in semitones; they do not grow when they come back.
_VIBRATO = 0.7
# A note ends where its partials fall by this much from `BEFORE` to `AFTER` frames around.
_FALL_DB = 8.0
_BEFORE = 3
_AFTER = 5
_MIN_BEFORE_FALL = 4
_NEARLY = 0.8
# A string rings on while its partials stand out by this much from what lies a semitone beside
# them, grow by no more than this, and fall little faster than they have been falling.
_STAND_OUT_DB = 6.0
_GROW_DB = 6.0
_FASTER = 2.5
_UNEVEN_DB = 3.0
_MIN_RINGING = 12
_SOUNDING = 4


def power(audio: F32, frames: int) -> F32:
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


def partials(spectrum: F32, pitch: int, *, reach: float = 0.0) -> F32:
    """Power of a pitch's partials over time.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.
    reach
        Semitones around each partial that count as it, 32 Hz at least and no more than half the way
        to the next one.

    Returns
    -------
    ndarray
        [partials, frames]; those between 90 and 6000 Hz, at most 8.
    """
    bins, half = _bins(pitch)
    rows = []
    for bin_ in bins:
        beside = min(max(1, int(bin_ * (2 ** (reach / 12) - 1))), max(1, half))
        rows.append(spectrum[:, bin_ - beside : bin_ + beside + 1].sum(axis=1))
    return np.array(rows, np.float32).reshape(len(rows), len(spectrum))


def rise(spectrum: F32, pitch: int, start: int) -> tuple[float, float]:
    """Return by how many dB a pitch's partials grow at a frame, and how much they grew before it.

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
    tuple
        From the least level of the 35 ms before to 35 ms after, and over the 70 ms that end 35 ms
        before; both weighted by the partials' level after the frame. Infinite and 0 where there is
        too little audio around the frame to tell.
    """
    first = max(0, start - _RISE_FRAMES)
    earliest = max(0, first - _BEFORE_RISE)
    rows = partials(spectrum[earliest : start + _RISE_FRAMES + 1], pitch, reach=_VIBRATO)
    near = first - earliest
    if not len(rows) or rows.shape[1] - near < 2 * _RISE_FRAMES:
        return np.inf, 0.0
    level = 10 * np.log10(rows + _FLOOR)
    weight = np.sqrt(rows[:, -1])
    weight = weight / max(float(weight.sum()), _FLOOR)
    growth = level[:, -1] - level[:, near : near + _RISE_FRAMES].min(axis=1)
    before = level[:, near] - level[:, 0]
    return float((weight * growth).sum()), float((weight * before).sum())


def fall(spectrum: F32, pitch: int, start: int, end: int) -> int | None:
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
    if not len(rows) or frames < _MIN_BEFORE_FALL + 1:
        return None
    decibels = 10 * np.log10(rows + _FLOOR)
    weight = np.sqrt(rows[:, :frames])
    lost = decibels[:, :frames] - decibels[:, span:]
    mean = (weight * lost).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-9)
    # `mean[i]` belongs to frame i + BEFORE.
    padded = np.concatenate([np.full(_BEFORE, -np.inf), mean, [-np.inf]])
    here, earlier, later = padded[1:-1], padded[:-2], padded[2:]
    steepest = np.flatnonzero((here > _FALL_DB) & (here >= earlier) & (here >= later)) + 1
    steepest = steepest[steepest >= _MIN_BEFORE_FALL]
    if not len(steepest):
        return None
    # A long release is as steep for a while; the note ended where it became so.
    first = int(steepest[0])
    steep = max(_FALL_DB, _NEARLY * float(padded[first]))
    while first > _MIN_BEFORE_FALL and padded[first - 1] >= steep:
        first -= 1
    return start + first + 1


def swell(spectrum: F32, pitch: int, start: int, end: int) -> int | None:
    """Find where a pitch's partials, having fallen away, begin to come back.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.
    start, end
        Frames: where the partials began to fall, and where the network no longer hears them.

    Returns
    -------
    int or None
        The frame from which they grow by 8 dB or more, if they do.
    """
    level = _level(partials(spectrum[start:end], pitch))
    back = np.flatnonzero(level - np.minimum.accumulate(level) >= _FALL_DB)
    return start + int(level[: back[0]].argmin()) if len(back) else None


def ringing(spectrum: F32, pitch: int, start: int, heard: int, end: int) -> int:
    """Find how long a note rings on after the network has lost it, as under a piano's pedal.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.
    start, heard
        Frames between which the network hears it; none if it rang on already before.
    end
        One past the last frame at which it may ring.

    Returns
    -------
    int
        `heard`, unless the note rings on for 140 ms at least; else where it falls away as in
        `fall`, where its partials no longer stand out from what is beside them, where something
        else sounds louder, or where it falls faster than it did, as a held note's reverberation.
    """
    least = _MIN_RINGING if heard > start else 1
    rows = partials(spectrum[start:end], pitch)
    if not len(rows) or end - heard < least:
        return heard
    level = _level(rows)
    before, after = level[: heard - start], level[heard - start :]
    over = after - np.minimum.accumulate(after) > _GROW_DB
    over |= _contrast(spectrum[heard:end], pitch) < _STAND_OUT_DB
    if len(before) > _SOUNDING:
        loudest = int(before[: 2 * _SOUNDING].argmax())
        last = float(before[-3:].mean())
        slope = max(float(before[loudest]) - last, 0.0) / (len(before) - loudest)
        over |= after < last - _FASTER * slope * np.arange(len(after)) - _UNEVEN_DB
    stop = heard + int(over.argmax()) if over.any() else end
    if stop - heard < least:
        return heard
    span = _BEFORE + _AFTER
    fell = fall(spectrum, pitch, max(start, heard - span), min(stop + span, end))
    return stop if fell is None else min(stop, fell)


def _bins(pitch: int) -> tuple[list[int], int]:
    """Return the bins of a pitch's partials, and how many are half the way to the next one."""
    fundamental = 440 * 2 ** ((pitch - 69) / 12)
    heard = (k * fundamental for k in range(1, _PARTIALS + 1))
    bins = [
        round(hertz * _FFT / RATE)
        for hertz in heard
        if _LOWEST_PARTIAL_HZ <= hertz <= _HIGHEST_PARTIAL_HZ
    ]
    return bins, int(fundamental * _FFT / RATE / 2)


def _level(rows: F32) -> F32:
    """Return the level of partials together, in dB, [frames]."""
    return np.asarray(10 * np.log10(rows.sum(axis=0) + _FLOOR), np.float32)


def _contrast(spectrum: F32, pitch: int) -> F32:
    """Return by how many dB partials stand out from what lies a semitone beside them, [frames]."""
    bins, half = _bins(pitch)
    total = weights = np.zeros(len(spectrum), np.float32)
    for bin_ in bins:
        beside = min(max(3, round(bin_ * (2 ** (1 / 12) - 1))), max(3, half))
        level = spectrum[:, bin_ - 1 : bin_ + 2].max(axis=1) + _FLOOR
        around = np.maximum(spectrum[:, bin_ - beside], spectrum[:, bin_ + beside]) + _FLOOR
        weight = np.sqrt(level)
        total = total + weight * 10 * np.log10(level / around)
        weights = weights + weight
    return np.asarray(total / np.maximum(weights, _FLOOR), np.float32)
