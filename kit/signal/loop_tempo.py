"""The tempo of a loop: it lasts whole bars, so that few tempi are possible."""

from dataclasses import dataclass

import numpy as np

from kit.arrays import F64

SLOWEST, FASTEST = 50.0, 220.0
"""Range of the tempi of loops, in beats a minute."""
_METRES = {4: 0.0, 3: -0.5, 6: -1.0, 5: -2.5, 7: -2.5}
"""Prior of beats per bar, as a logarithm."""
_UNUSUAL = -2.0
"""Prior of a number of bars that is no power of two, as a logarithm."""
_SUPPORT, _ON_BEATS, _BARS, _USUAL = 3.0, 2.0, 2.0, 1.0
"""Weights of the free search, of the onsets on beats, of repetition by bars, and of the prior over
tempi."""
_LITTLE = 0.05
"""Support of a tempo that the free search gives none."""
_NEAR, _AROUND = 0.02, 0.08
"""Maximum distance of a candidate from the tempi that support it, and from the peak of the free
search that it is compared with, as a fraction."""
_CLEAR = 0.6
"""Minimum support of the tempo in the free search: a recording that was cut anywhere mostly lasts
whole bars only at tempi with less."""
_OFF, _OFF_UNUSUAL = 0.25, 0.1
"""Maximum beats by which a loop may miss whole bars at the tempo of the free search; the second for
an unusual number of bars."""
_OFF_UPLOAD, _OPENING = 0.1, 0.12
"""The same, and the maximum distance of the first beat from the start in beats, for a recording
that nobody called a loop."""


@dataclass(frozen=True, slots=True)
class LoopTempo:
    """Tempo, length and metre of a loop."""

    bpm: float
    """Exactly the tempo at which the loop lasts `beats` beats."""
    beats: int
    beats_per_bar: int


def find_loop_tempo(
    accents: F64, rate: float, bpms: F64, support: F64, *, duration: float, is_sample: bool
) -> LoopTempo | None:
    """Find the tempo at which a recording lasts whole bars.

    Each number of beats, and each metre that divides it, is scored by a sum of: the logarithm of
    the support of its tempo in a free search; the logarithm of the mean onset strength on an even
    grid of beats; how much better the loop correlates with itself a bar later than a beat later,
    both around the loop; and priors over tempo, metre and number of bars.

    Parameters
    ----------
    accents
        Flattened onset-strength envelope, `[frames]`.
    rate
        Frames a second.
    bpms, support
        Tempi of the free search, and the support of each, 0 to 1.
    duration
        Of the recording, in seconds.
    is_sample
        Whether the recording is known to be a loop or another sample. If not, it must begin on a
        beat, and its length must agree with the free search within a tenth of a beat.

    Returns
    -------
    LoopTempo or None
        `None` if the recording does not last whole bars at a tempo that the onsets support.

    Notes
    -----
    The weights were fitted by conditional logistic regression on generated loops, see the analysis
    service's README, and rounded.
    """
    period = duration * rate
    count = round(period)
    if count < 8:
        return None
    once = np.interp(np.arange(count) * period / count, np.arange(accents.size), accents)
    centred = once - once.mean()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(centred)) ** 2, count)
    correlation = _closed(correlation / max(float(correlation[0]), 1e-12))
    kernel = np.hanning(9) / np.hanning(9).sum()
    smoothed = np.convolve(np.tile(np.cbrt(once), 3), kernel, mode="same")[count : 2 * count]
    smoothed = _closed(smoothed / max(float(smoothed.mean()), 1e-12))
    shifts = np.linspace(-0.03, 0.03, 5) * rate
    best: tuple[float, LoopTempo] | None = None
    first = int(np.ceil(SLOWEST * duration / 60.0))
    for beats in range(max(2, first), int(FASTEST * duration / 60.0) + 1):
        bpm = 60.0 * beats / duration
        near = support[np.abs(np.log(bpms / bpm)) < _NEAR].max(initial=0.0)
        grid = np.arange(beats) * count / beats
        on_beats = max(float(_around(smoothed, grid + shift).mean()) for shift in shifts)
        lags = np.arange(1, max(2, min(5, beats // 2 + 1))) * count / beats
        by_beat = float(_around(correlation, lags).mean())
        common = (
            _SUPPORT * np.log(near + _LITTLE)
            + _ON_BEATS * np.log(on_beats + 1.0)
            - _USUAL * np.log2(bpm / 120.0) ** 2
        )
        for metre, prior in _METRES.items():
            bars, rest = divmod(beats, metre)
            if rest:
                continue
            score = common + prior + (_UNUSUAL if _unusual(bars) else 0.0)
            if bars > 1:
                lag = np.array([metre * count / beats])
                score += _BARS * (float(_around(correlation, lag)[0]) - by_beat)
            if best is None or score > best[0]:
                best = score, LoopTempo(bpm, beats, metre)
    if best is None or not _agrees(best[1], bpms, support, is_sample=is_sample):
        return None
    if not is_sample and not _begins_on_a_beat(best[1], smoothed):
        return None
    return best[1]


def _closed(values: F64) -> F64:
    """Return values around a loop with the first one again at the end, for interpolation."""
    return np.append(values, values[0])


def _around(closed: F64, at: F64) -> F64:
    """Interpolate around a loop."""
    return np.asarray(np.interp(at % (closed.size - 1), np.arange(closed.size), closed))


def _agrees(loop: LoopTempo, bpms: F64, support: F64, *, is_sample: bool) -> bool:
    """Return whether the free search has a peak at which the loop has nearly as many beats."""
    apart = np.abs(np.log(bpms / loop.bpm))
    if support[apart < _NEAR].max(initial=0.0) < _CLEAR:
        return False
    near = np.flatnonzero(apart < _AROUND)
    peak = float(bpms[near[np.argmax(support[near])]])
    off = abs(peak / loop.bpm - 1.0) * loop.beats
    if _unusual(loop.beats // loop.beats_per_bar):
        return is_sample and off <= _OFF_UNUSUAL
    return off <= (_OFF if is_sample else _OFF_UPLOAD)


def _unusual(bars: int) -> bool:
    return bool(bars & (bars - 1))


def _begins_on_a_beat(loop: LoopTempo, smoothed: F64) -> bool:
    """Return whether the onsets fit an even grid of beats best if it starts near the start."""
    step = (smoothed.size - 1) / loop.beats
    grid = np.arange(loop.beats) * step
    phases = np.linspace(-0.5, 0.5, 41)
    fits = [float(_around(smoothed, grid + phase * step).mean()) for phase in phases]
    return abs(float(phases[int(np.argmax(fits))])) <= _OPENING
