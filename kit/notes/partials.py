"""Measure a note's partials in the audio: level rise, decay and release tail.

A network's posteriors blur the end of a note by a tenth of a second; its partials do not. Frames
are those of the network.
"""

import numpy as np

from kit.arrays import F32

RATE = 22050
"""Sample rate of the network's input, in Hz."""
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
# Partials move this far in a vibrato, in semitones; their return is no level rise.
_VIBRATO = 0.7
# A note ends where its partials lose this much from `_BEFORE` frames before to `_AFTER` after.
_DECAY_DB = 8.0
_BEFORE = 3
_AFTER = 5
_MIN_BEFORE_DECAY = 4
_DECAY_SHARE = 0.8
# A release tail lasts while its partials exceed the spectrum a semitone away by this contrast,
# grow by at most this much, and decay little faster than before.
_MIN_CONTRAST_DB = 6.0
_MAX_GROWTH_DB = 6.0
_DECAY_RATIO = 2.5
_LEVEL_JITTER_DB = 3.0
_MIN_RELEASE_TAIL = 12
_EARLY_FRAMES = 4


def power(audio: F32, frames: int) -> F32:
    """Compute the short-time power spectrum on the network's frames (Hann window).

    Parameters
    ----------
    audio
        [samples], mono at `RATE`; frame i is centred on sample i · `HOP`.
    frames
        Number of frames; the audio is padded with silence.

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
    """Compute the power of a pitch's partials over time.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.
    reach
        Semitones around each partial that are included, at least 32 Hz and at most half the
        distance to the next partial.

    Returns
    -------
    ndarray
        [partials, frames]; those between 90 and 6000 Hz, at most 8.
    """
    bins, half = _bins(pitch)
    rows = []
    for bin_ in bins:
        half_width = _half_width(bin_, half, reach)
        rows.append(spectrum[:, bin_ - half_width : bin_ + half_width + 1].sum(axis=1))
    return np.array(rows, np.float32).reshape(len(rows), len(spectrum))


def level_rise(spectrum: F32, pitch: int, start: int) -> tuple[float, float]:
    """Measure the level rise of a pitch's partials at a frame, and before it, in dB.

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
        The rise from the minimum of the 35 ms before to 35 ms after, and the rise over the 70 ms
        that end 35 ms before; both weighted by the partials' amplitude after the frame. Infinite
        and 0 if there is too little audio around the frame.
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


def find_decay(spectrum: F32, pitch: int, start: int, end: int) -> int | None:
    """Detect the decay of a pitch's partials: as fast as a released note, not a sustained one.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.
    start, end
        Frames between which the note sounds; the decay may show a little later.

    Returns
    -------
    int or None
        One past the frame, at least 4 after `start`, at which the partials, weighted by amplitude,
        begin to lose at least 8 dB within 93 ms, and 80 % of their steepest loss; `None` without
        a decay.
    """
    rows = partials(spectrum[start:end], pitch)
    span = _BEFORE + _AFTER
    frames = rows.shape[1] - span
    if not len(rows) or frames < _MIN_BEFORE_DECAY + 1:
        return None
    decibels = 10 * np.log10(rows + _FLOOR)
    weight = np.sqrt(rows[:, :frames])
    lost = decibels[:, :frames] - decibels[:, span:]
    mean = (weight * lost).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-9)
    # `mean[i]` belongs to frame i + _BEFORE.
    padded = np.concatenate([np.full(_BEFORE, -np.inf), mean, [-np.inf]])
    here, earlier, later = padded[1:-1], padded[:-2], padded[2:]
    steepest = np.flatnonzero((here > _DECAY_DB) & (here >= earlier) & (here >= later)) + 1
    steepest = steepest[steepest >= _MIN_BEFORE_DECAY]
    if not len(steepest):
        return None
    # A long release stays steep for a while; the note ended at the start of it.
    first = int(steepest[0])
    steep = max(_DECAY_DB, _DECAY_SHARE * float(padded[first]))
    while first > _MIN_BEFORE_DECAY and padded[first - 1] >= steep:
        first -= 1
    return start + first + 1


def level_recovery(spectrum: F32, pitch: int, start: int, end: int) -> int | None:
    """Detect where a pitch's partials begin to recover after a decay.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.
    start, end
        Frames: the start of the decay, and the end of the note in the network's posteriors.

    Returns
    -------
    int or None
        The frame from which they rise by 8 dB or more; `None` if they do not.
    """
    level = _level(partials(spectrum[start:end], pitch))
    back = np.flatnonzero(level - np.minimum.accumulate(level) >= _DECAY_DB)
    return start + int(level[: back[0]].argmin()) if len(back) else None


def release_tail(spectrum: F32, pitch: int, start: int, network_end: int, end: int) -> int:
    """Find the end of a note's release tail after the network lost it, as with a piano's pedal.

    Parameters
    ----------
    spectrum
        [frames, bins] of `power`.
    pitch
        MIDI note.
    start, network_end
        Frames between which the network detects it; equal if it is already in its release tail.
    end
        One past the last possible frame of the tail.

    Returns
    -------
    int
        `network_end`, unless the tail lasts at least 140 ms; else the first of: a decay as
        `find_decay` detects, a loss of contrast with the neighbouring spectrum, a rise from another
        sound, or a decay faster than before, as in a held note's reverberation.
    """
    min_frames = _MIN_RELEASE_TAIL if network_end > start else 1
    rows = partials(spectrum[start:end], pitch)
    if not len(rows) or end - network_end < min_frames:
        return network_end
    level = _level(rows)
    before, after = level[: network_end - start], level[network_end - start :]
    over = after - np.minimum.accumulate(after) > _MAX_GROWTH_DB
    over |= _contrast(spectrum[network_end:end], pitch) < _MIN_CONTRAST_DB
    if len(before) > _EARLY_FRAMES:
        loudest = int(before[: 2 * _EARLY_FRAMES].argmax())
        last = float(before[-3:].mean())
        slope = max(float(before[loudest]) - last, 0.0) / (len(before) - loudest)
        over |= after < last - _DECAY_RATIO * slope * np.arange(len(after)) - _LEVEL_JITTER_DB
    stop = network_end + int(over.argmax()) if over.any() else end
    if stop - network_end < min_frames:
        return network_end
    span = _BEFORE + _AFTER
    fell = find_decay(spectrum, pitch, max(start, network_end - span), min(stop + span, end))
    return stop if fell is None else min(stop, fell)


def bins_read(pitch: int) -> frozenset[int]:
    """Return the bins of the spectrum that the functions of this module read of a pitch."""
    bins, half = _bins(pitch)
    read: set[int] = set()
    for bin_ in bins:
        reach = _half_width(bin_, half, _VIBRATO)
        read.update(range(bin_ - reach, bin_ + reach + 1))
        read.update((bin_ - 1, bin_, bin_ + 1))
        read.update((bin_ - _semitone(bin_, half), bin_ + _semitone(bin_, half)))
    return frozenset(read)


def _half_width(bin_: int, half: int, reach: float) -> int:
    """Return how many bins beside a partial's own are within `reach` semitones."""
    return min(max(1, int(bin_ * (2 ** (reach / 12) - 1))), max(1, half))


def _semitone(bin_: int, half: int) -> int:
    """Return the distance in bins at which a partial's neighbourhood is read, a semitone away."""
    return min(max(3, round(bin_ * (2 ** (1 / 12) - 1))), max(3, half))


def _bins(pitch: int) -> tuple[list[int], int]:
    """Return the bins of a pitch's partials, and half the distance between them in bins."""
    fundamental = 440 * 2 ** ((pitch - 69) / 12)
    harmonics = (k * fundamental for k in range(1, _PARTIALS + 1))
    bins = [
        round(hertz * _FFT / RATE)
        for hertz in harmonics
        if _LOWEST_PARTIAL_HZ <= hertz <= _HIGHEST_PARTIAL_HZ
    ]
    return bins, int(fundamental * _FFT / RATE / 2)


def _level(rows: F32) -> F32:
    """Return the total level of partials, in dB, [frames]."""
    return np.asarray(10 * np.log10(rows.sum(axis=0) + _FLOOR), np.float32)


def _contrast(spectrum: F32, pitch: int) -> F32:
    """Return the contrast of partials with the spectrum a semitone away, in dB, [frames]."""
    bins, half = _bins(pitch)
    total = weights = np.zeros(len(spectrum), np.float32)
    for bin_ in bins:
        distance = _semitone(bin_, half)
        level = spectrum[:, bin_ - 1 : bin_ + 2].max(axis=1) + _FLOOR
        around = np.maximum(spectrum[:, bin_ - distance], spectrum[:, bin_ + distance]) + _FLOOR
        weight = np.sqrt(level)
        total = total + weight * 10 * np.log10(level / around)
        weights = weights + weight
    return np.asarray(total / np.maximum(weights, _FLOOR), np.float32)
