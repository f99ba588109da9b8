"""Tempo and beats of a novelty curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F64
from kit.signal.onsets import moving
from kit.signal.tempo_map import Stretch, find_stretches, steadiness

SLOWEST, FASTEST = 40.0, 240.0
"""Range of tempi that are looked for, in beats a minute."""
_STEP = 1.005
"""Ratio of neighbouring tempi in the search: four beats must not miss their own peak."""

_REACH = 94
"""Steps of the search that a tempo may lie from the overall best: 1.6 times, short of double."""
_STEP_PRICE = 4.0
"""Evidence, in seconds of full support, that a step from one tempo to another has to bring."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """One candidate for the tempo, in beats a minute, and its share of all the evidence."""

    bpm: float
    weight: float


@dataclass(frozen=True, slots=True)
class Pulse:
    """Tempo and beats of a recording."""

    bpm: float
    """From the beats themselves, of the longest stretch; 0 where none was found."""
    confidence: float
    """0 to 1: how strongly the recording repeats at the tempo (an estimate, not calibrated)."""
    candidates: tuple[Tempo, ...]
    """The strongest tempi, best first, with half and double of the best; weights sum to 1."""
    beats: F64
    """Times in seconds."""
    steadiness: float
    """0 to 1: the share of steps from beat to beat within 4 % of their stretch's usual one."""
    stretches: tuple[Stretch, ...] = ()
    """Of one tempo each, in order of time; one where the tempo does not change."""


NO_PULSE = Pulse(0.0, 0.0, (), np.zeros(0), 0.0)
"""What is found in silence."""


def track_beats(novelty: F64, rate: float, *, loop: bool = False) -> Pulse:
    """Find the tempo and the beats of a novelty curve.

    The tempo is the one whose multiples the autocorrelation supports best, weighted by how common
    it is in music; it may drift by 2 % a second. The beats follow it by dynamic programming over
    the cube root of the curve: as loudness does, that lets a soft hi-hat on the beat count beside
    a loud snare off it.

    Parameters
    ----------
    novelty
        `[frames]`, ≥ 0, such as `Novelty.total`.
    rate
        Frames a second.
    loop
        Whether the recording is known to be a loop or another sample: then tempi at which it
        lasts whole bars are a little likelier.

    Returns
    -------
    Pulse
        `NO_PULSE` where the curve is empty, flat or shorter than a second.
    """
    if novelty.size < rate or novelty.max() <= 0:
        return NO_PULSE
    accents = flatten(novelty, rate)
    if not np.any(accents > 0):
        return NO_PULSE
    bpms = tempo_grid()
    evidence = comb(tempogram(accents, rate), rate, bpms)
    prior = preference(bpms)
    if loop:
        prior = prior * whole_beats(bpms, accents.size / rate)
    weighted = np.maximum(0.0, evidence.mean(axis=0)) * prior
    if weighted.max() <= 0:
        return NO_PULSE
    best = int(np.argmax(weighted))
    path = _follow(evidence * prior, best)
    step = max(1, round(rate))
    local = np.interp(np.arange(accents.size), np.arange(path.size) * step, bpms[path])
    curve = _even(np.cbrt(accents))
    beats = track(curve, rate, 60.0 * rate / local)
    if beats.size < 2:
        return NO_PULSE
    stretches = find_stretches(beats)
    bpm = max(stretches, key=lambda one: beats[one.last] - beats[one.first]).bpm
    return Pulse(
        bpm=bpm,
        confidence=float(np.clip(evidence.mean(axis=0)[best], 0.0, 1.0)),
        candidates=_candidates(bpms, weighted, bpm),
        beats=beats,
        steadiness=steadiness(beats, stretches),
        stretches=stretches,
    )


def _even(curve: F64) -> F64:
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 2.0) ** 2)
    smooth = np.convolve(curve, kernel / kernel.sum(), mode="same")
    even: F64 = smooth / max(float(np.sqrt(np.mean(smooth**2))), 1e-12)
    return even


def _follow(evidence: F64, best: int) -> NDArray[np.int64]:
    """Return the likeliest tempo of each stretch: it drifts, and seldom goes over to another."""
    reach = _REACH
    fastest = 4  # 2 % a step.
    low, high = max(0, best - reach), min(evidence.shape[1], best + reach + 1)
    near = evidence[:, low:high]
    score = near[0].copy()
    links = np.zeros(near.shape, np.int64)
    index = np.arange(near.shape[1])
    for row in range(1, near.shape[0]):
        moves = np.full((2 * fastest + 1, near.shape[1]), -np.inf)
        for offset in range(-fastest, fastest + 1):
            source = index + offset
            inside = (source >= 0) & (source < near.shape[1])
            moves[offset + fastest, inside] = score[source[inside]] - 0.03 * abs(offset)
        chosen = np.argmax(moves, axis=0)
        drifted = moves[chosen, index]
        # A new tempo has to be credential out for some seconds before it is worth its price.
        before = int(np.argmax(score))
        anew = score[before] - _STEP_PRICE
        links[row] = np.where(drifted >= anew, index + chosen - fastest, before)
        score = near[row] + np.maximum(drifted, anew)
    path = np.empty(near.shape[0], np.int64)
    path[-1] = int(np.argmax(score))
    for row in range(near.shape[0] - 1, 0, -1):
        path[row - 1] = links[row, path[row]]
    return path + low


def _candidates(bpms: F64, weighted: F64, bpm: float) -> tuple[Tempo, ...]:
    inner = weighted[1:-1]
    peaks = np.flatnonzero((inner >= weighted[:-2]) & (inner > weighted[2:])) + 1
    strongest = peaks[np.argsort(-weighted[peaks])][:4]
    wanted = [bpm]
    for other in (*bpms[strongest], 0.5 * bpm, 2.0 * bpm):
        if all(abs(np.log(other / known)) > 0.04 for known in wanted):
            wanted.append(float(other))
    weights = np.interp(wanted, bpms, weighted, left=0.0, right=0.0)
    weights /= max(float(weights.sum()), 1e-12)
    order = [0, *sorted(range(1, len(wanted)), key=lambda index: -weights[index])]
    return tuple(Tempo(wanted[index], float(weights[index])) for index in order)


def flatten(curve: F64, rate: float) -> F64:
    """Return a novelty curve with slow swells removed and its accents evened out.

    The mean of the surrounding second is subtracted and what stays is divided by the root mean
    square of the surrounding eight, so that a quiet verse counts as much as a loud chorus.
    """
    half = round(0.5 * rate)
    raised = np.maximum(0.0, curve - moving(curve, before=half, after=half, over=np.mean))
    span = round(4 * rate)
    power = np.cumsum(np.concatenate([[0.0], raised**2]))
    index = np.arange(raised.size)
    first, last = np.maximum(0, index - span), np.minimum(raised.size, index + span + 1)
    local = np.sqrt((power[last] - power[first]) / np.maximum(1, last - first))
    floor = 0.1 * float(np.sqrt(np.mean(raised**2))) if raised.size else 0.0
    evened: F64 = raised / np.maximum(np.maximum(local, floor), 1e-12)
    return evened


def tempogram(curve: F64, rate: float, *, window: float = 8.0, hop: float = 1.0) -> F64:
    """Measure how strongly each stretch of a curve repeats after each lag.

    Parameters
    ----------
    curve
        A flattened novelty curve, `[frames]`.
    rate
        Frames a second.
    window, hop
        Of the stretches, in seconds.

    Returns
    -------
    F64
        Autocorrelation `[stretches, lags]` at lags of 0 to `window` / 2 seconds, corrected for the
        shrinking overlap; 1 at lag 0 (0 where the stretch is silent).
    """
    # What is shorter than the window is looked at as a whole.
    size, step = min(round(window * rate), max(2, curve.size)), max(1, round(hop * rate))
    padded = curve if size == curve.size else np.pad(curve, (size // 2, size // 2 + 1))
    taper = np.hanning(size)
    stretches = np.lib.stride_tricks.sliding_window_view(padded, size)[::step]
    overlap = np.fft.irfft(np.abs(np.fft.rfft(taper, 2 * size)) ** 2)[: size // 2]
    result = np.empty((stretches.shape[0], size // 2))
    # Some stretches at a time: their spectra are much larger than what is kept of them.
    for first in range(0, stretches.shape[0], 64):
        some = stretches[first : first + 64]
        # Without the mean, what does not repeat correlates with nothing.
        some = some - (some @ taper / taper.sum())[:, None]
        spectra = np.fft.rfft(some * taper, 2 * size, axis=1)
        correlation = np.fft.irfft(np.abs(spectra) ** 2, axis=1)[:, : size // 2] / overlap
        result[first : first + 64] = correlation / np.maximum(correlation[:, :1], 1e-12)
    return result


def tempo_grid() -> F64:
    """Return the tempi that are compared: half a percent apart."""
    return np.asarray(
        SLOWEST * 2.0 ** np.arange(0.0, np.log2(FASTEST / SLOWEST), np.log2(_STEP)), np.float64
    )


def comb(correlation: F64, rate: float, bpms: F64) -> F64:
    """Return how well pulses at each tempo fit autocorrelations.

    Parameters
    ----------
    correlation
        `[stretches, lags]` from `tempogram`.
    rate
        Frames a second.
    bpms
        Tempi to try.

    Returns
    -------
    F64
        `[stretches, tempi]`: mean correlation at one, two, three and four beats, less that half way
        between them.
    """
    period = 60.0 * rate / bpms
    total = np.zeros((correlation.shape[0], bpms.size))
    lags = np.arange(correlation.shape[1])
    count = np.zeros(bpms.size)
    for multiple in (1, 2, 3, 4):
        at = multiple * period
        inside = at <= lags[-1]
        count += inside
        for row in range(correlation.shape[0]):
            total[row] += np.where(inside, np.interp(at, lags, correlation[row]), 0.0)
    return np.asarray(total / np.maximum(count, 1), dtype=np.float64)


def preference(bpms: F64, *, centre: float = 120.0, octaves: float = 0.8) -> F64:
    """Return how likely each tempo is before hearing: log-normal around `centre`."""
    return np.asarray(np.exp(-0.5 * (np.log2(bpms / centre) / octaves) ** 2), dtype=np.float64)


def whole_beats(bpms: F64, duration: float) -> F64:
    """Return a slight preference for tempi at which a loop lasts 4, 8, 16 or 32 beats."""
    factor = np.ones_like(bpms)
    if duration > 0.0:
        for beats in (4, 8, 16, 32):
            off = np.log(bpms * duration / (60.0 * beats)) / 0.015
            factor *= 1.0 + 0.3 * np.exp(-0.5 * off**2)
    return factor


def track(curve: F64, rate: float, periods: F64, *, tightness: float = 100.0) -> F64:
    """Follow the beats of a curve at known, slowly changing periods.

    Dynamic programming over the curve: the best sequence that ends in a frame is the best one
    that ends about a period before it, less a penalty on the squared logarithm of the ratio of
    the step to the period (D. P. W. Ellis, "Beat tracking by dynamic programming", 2007).

    Parameters
    ----------
    curve
        A flattened novelty curve, `[frames]`.
    rate
        Frames a second.
    periods
        Expected frames from beat to beat at each frame, `[frames]`.
    tightness
        Weight of the penalty, against a curve whose root mean square is about 1.

    Returns
    -------
    F64
        Times of the beats in seconds, refined between frames.
    """
    frames = curve.size
    if frames < 3 or not np.any(curve > 0):
        return np.zeros(0)
    score = np.zeros(frames)
    link = np.full(frames, -1, np.int64)
    # Penalties depend on the period only, which takes few distinct whole values.
    whole = np.maximum(2, np.round(periods)).astype(np.int64)
    penalties = {}
    for period in np.unique(whole):
        steps = np.arange(max(1, period // 2), 2 * period + 1)
        penalties[int(period)] = (steps, tightness * np.log(steps / period) ** 2)
    for frame in range(frames):
        steps, penalty = penalties[int(whole[frame])]
        first = frame - int(steps[-1])
        here = float(curve[frame])
        last = frame - int(steps[0])
        if last < 0:
            score[frame] = here
            continue
        usable = steps.size if first >= 0 else steps.size + first
        candidates = score[last - usable + 1 : last + 1][::-1] - penalty[:usable]
        best = int(np.argmax(candidates))
        if candidates[best] > 0:
            score[frame] = here + candidates[best]
            link[frame] = last - best
        else:
            score[frame] = here
    # The end is the best of the last period's frames: any of them may be the last beat.
    tail = int(whole[-1])
    frame = frames - tail + int(np.argmax(score[-tail:])) if frames > tail else int(score.argmax())
    beats: list[int] = []
    while frame >= 0:
        beats.append(frame)
        frame = int(link[frame])
    return refine(curve, np.array(beats[::-1], np.int64)) / rate


def refine(curve: F64, peaks: NDArray[np.int64]) -> F64:
    """Move peaks between frames by the parabola through their neighbours."""
    inner = np.clip(peaks, 1, curve.size - 2)
    left, middle, right = curve[inner - 1], curve[inner], curve[inner + 1]
    bend = left - 2 * middle + right
    peaked = (middle >= left) & (middle >= right) & (bend < 0) & (inner == peaks)
    shift = np.where(peaked, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)
    return np.asarray(peaks + np.clip(shift, -0.5, 0.5), dtype=np.float64)
