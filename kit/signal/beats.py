"""Tempo estimation and beat tracking on an onset-strength envelope."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F64
from kit.signal.loop_tempo import LoopTempo, find_loop_tempo
from kit.signal.onsets import moving
from kit.signal.tempo_map import Stretch, find_stretches, steadiness

SLOWEST, FASTEST = 40.0, 240.0
"""Range of the tempo search, in beats a minute."""
_STEP = 1.005
"""Ratio of neighbouring tempi in the search: fine enough to hit the peak at a lag of four beats."""

_REACH = 94
"""Maximum distance of a local tempo from the global one, in search steps: a factor of 1.6."""
_FAINT = 0.4
"""Height of the envelope below which the last beats are dropped, as a fraction of the median."""
_STEP_PRICE = 4.0
"""Penalty of a jump to another tempo, in seconds of full support for the new one."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """A tempo candidate in beats a minute, with its share of the evidence (0 to 1)."""

    bpm: float
    weight: float


@dataclass(frozen=True, slots=True)
class BeatTrack:
    """The tempo and the beats of a recording."""

    bpm: float
    """Measured on the beats of the longest stretch; 0 if there are no beats."""
    confidence: float
    """0 to 1: how strongly the recording repeats at the tempo (not calibrated)."""
    candidates: tuple[Tempo, ...]
    """The strongest tempi, best first, with half and double of the best; weights sum to 1."""
    beats: F64
    """Times in seconds."""
    steadiness: float
    """0 to 1: the share of inter-beat intervals within 4 % of the tempo of their stretch."""
    stretches: tuple[Stretch, ...] = ()
    """Stretches of constant tempo in order of time; a single one if the tempo does not change."""
    loop: LoopTempo | None = None
    """Set if the recording is a loop of whole bars."""


NO_BEATS = BeatTrack(0.0, 0.0, (), np.zeros(0), 0.0)
"""The result for silence."""


@dataclass(frozen=True, slots=True)
class Length:
    """The length of a recording that may be a loop."""

    seconds: float
    is_sample: bool
    """Whether it is known to be a loop or another sample."""


def track_beats(
    strength: F64,
    rate: float,
    *,
    length: Length | None = None,
    activation: F64 | None = None,
) -> BeatTrack:
    """Track beats by dynamic programming (Ellis 2007) at a tempo from autocorrelation.

    The tempo is the one whose multiples the autocorrelation supports best, weighted by a
    log-normal prior over tempi; it may drift by 2 % a second. The beats are tracked over the cube
    root of the envelope (see `track`): like loudness, the root lets a soft hi-hat on the beat
    count next to a loud snare off it.

    Parameters
    ----------
    strength
        Onset-strength envelope, `[frames]`, ≥ 0, such as `OnsetStrength.total`.
    rate
        Frames a second.
    length
        Of a recording that may be a loop. If it lasts whole bars, its tempo is exactly the one at
        which it does (see `find_loop_tempo`), and its beats are tracked around the loop.
    activation
        A network's probability of a beat in each frame, `[frames]`: half of the evidence of the
        tempo comes from how it repeats, except in loops and other samples. Where the beats lie is
        decided by the envelope alone, which places them as well and more finely.

    Returns
    -------
    BeatTrack
        `NO_BEATS` if the envelope is empty, flat or shorter than a second.
    """
    if strength.size < rate or strength.max() <= 0:
        return NO_BEATS
    accents = flatten(strength, rate)
    if not np.any(accents > 0):
        return NO_BEATS
    bpms = tempo_grid()
    own = comb(tempogram(accents, rate), rate, bpms)
    prior = preference(bpms)
    weighted = np.maximum(0.0, own.mean(axis=0)) * prior
    if length is not None and weighted.max() > 0:
        loop = find_loop_tempo(
            *(accents, rate, bpms, weighted / weighted.max()),
            duration=length.seconds,
            is_sample=length.is_sample,
        )
        if loop is not None:
            return _track_loop(accents, rate, loop, length.seconds, bpms, own, weighted)
    evidence = own
    # A network needs some seconds to find the beat, as long as many samples last.
    if activation is not None and not (length is not None and length.is_sample):
        evidence = 0.5 * (own + comb(tempogram(activation, rate), rate, bpms))
        weighted = np.maximum(0.0, evidence.mean(axis=0)) * prior
    if weighted.max() <= 0:
        return NO_BEATS
    best = int(np.argmax(weighted))
    path = _follow(evidence * prior, best)
    step = max(1, round(rate))
    local = np.interp(np.arange(accents.size), np.arange(path.size) * step, bpms[path])
    curve = _even(np.cbrt(accents))
    beats = _until_the_end(track(curve, rate, 60.0 * rate / local), curve, rate)
    if beats.size < 2:
        return NO_BEATS
    stretches = find_stretches(beats)
    bpm = max(stretches, key=lambda stretch: beats[stretch.last] - beats[stretch.first]).bpm
    return BeatTrack(
        bpm=bpm,
        confidence=float(np.clip(own.mean(axis=0)[best], 0.0, 1.0)),
        candidates=_candidates(bpms, weighted, bpm),
        beats=beats,
        steadiness=steadiness(beats, stretches),
        stretches=stretches,
    )


def _until_the_end(beats: F64, curve: F64, rate: float) -> F64:
    """Drop the last beats that have no onset: the music ended before the recording."""
    if beats.size < 2:
        return beats
    reach = max(1, round(0.035 * rate))
    frames = np.round(beats * rate).astype(np.int64)
    heights = np.array([curve[max(0, at - reach) : at + reach + 1].max() for at in frames])
    sounding = np.flatnonzero(heights >= _FAINT * np.median(heights))
    return beats[: sounding[-1] + 1]


def _track_loop(
    accents: F64,
    rate: float,
    loop: LoopTempo,
    seconds: float,
    bpms: F64,
    evidence: F64,
    weighted: F64,
) -> BeatTrack:
    """Track the beats of a loop around it: three rounds, of which the middle one counts."""
    count = round(seconds * rate)
    frames = np.arange(count) * seconds * rate / count
    rounds = np.tile(np.interp(frames, np.arange(accents.size), accents), 3)
    own = count / seconds
    period = count / loop.beats
    beats = track(_even(np.cbrt(rounds)), own, np.full(rounds.size, period)) - seconds
    # A beat just before the seam is the first beat of the next round.
    early = 0.25 * seconds / loop.beats
    beats = np.maximum(0.0, beats[(beats >= -early) & (beats < seconds - early)])
    if beats.size != loop.beats:
        beats = np.arange(loop.beats) * seconds / loop.beats
    stretches = (Stretch(0, beats.size - 1, loop.bpm),)
    return BeatTrack(
        bpm=loop.bpm,
        confidence=float(np.clip(np.interp(loop.bpm, bpms, evidence.mean(axis=0)), 0.0, 1.0)),
        candidates=_candidates(bpms, weighted, loop.bpm),
        beats=beats,
        steadiness=steadiness(beats, stretches),
        stretches=stretches,
        loop=loop,
    )


def _even(curve: F64) -> F64:
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 2.0) ** 2)
    smooth = np.convolve(curve, kernel / kernel.sum(), mode="same")
    even: F64 = smooth / max(float(np.sqrt(np.mean(smooth**2))), 1e-12)
    return even


def _follow(evidence: F64, best: int) -> NDArray[np.int64]:
    """Decode the tempo of each window by the Viterbi algorithm: it may drift, and rarely jumps."""
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
        # A jump pays its penalty only if the new tempo is supported for some seconds.
        before = int(np.argmax(score))
        switched = score[before] - _STEP_PRICE
        links[row] = np.where(drifted >= switched, index + chosen - fastest, before)
        score = near[row] + np.maximum(drifted, switched)
    path = np.empty(near.shape[0], np.int64)
    path[-1] = int(np.argmax(score))
    for row in range(near.shape[0] - 1, 0, -1):
        path[row - 1] = links[row, path[row]]
    return path + low


def _candidates(bpms: F64, weighted: F64, bpm: float) -> tuple[Tempo, ...]:
    inner = weighted[1:-1]
    peaks = np.flatnonzero((inner >= weighted[:-2]) & (inner > weighted[2:])) + 1
    strongest = peaks[np.argsort(-weighted[peaks])][:4]
    tempi = [bpm]
    for other in (*bpms[strongest], 0.5 * bpm, 2.0 * bpm):
        if all(abs(np.log(other / known)) > 0.04 for known in tempi):
            tempi.append(float(other))
    weights = np.interp(tempi, bpms, weighted, left=0.0, right=0.0)
    weights /= max(float(weights.sum()), 1e-12)
    order = [0, *sorted(range(1, len(tempi)), key=lambda index: -weights[index])]
    return tuple(Tempo(tempi[index], float(weights[index])) for index in order)


def flatten(curve: F64, rate: float) -> F64:
    """Normalise an onset-strength envelope locally: remove its trend and even out its accents.

    The mean of the surrounding second is subtracted, and the positive rest is divided by its root
    mean square over the surrounding eight, so that a quiet verse counts as much as a loud chorus.
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
    """Compute an autocorrelation tempogram.

    Parameters
    ----------
    curve
        A flattened onset-strength envelope, `[frames]`.
    rate
        Frames a second.
    window, hop
        Length and distance of the analysis windows, in seconds.

    Returns
    -------
    F64
        Autocorrelation `[windows, lags]` at lags of 0 to `window` / 2 seconds, corrected for the
        shrinking overlap; 1 at lag 0 (0 if the window is silent).
    """
    # A curve shorter than the window is one window.
    size, step = min(round(window * rate), max(2, curve.size)), max(1, round(hop * rate))
    padded = curve if size == curve.size else np.pad(curve, (size // 2, size // 2 + 1))
    taper = np.hanning(size)
    stretches = np.lib.stride_tricks.sliding_window_view(padded, size)[::step]
    overlap = np.fft.irfft(np.abs(np.fft.rfft(taper, 2 * size)) ** 2)[: size // 2]
    result = np.empty((stretches.shape[0], size // 2))
    # Process windows in batches: their spectra are much larger than the result.
    for first in range(0, stretches.shape[0], 64):
        some = stretches[first : first + 64]
        # Without its mean, a curve that does not repeat correlates with nothing.
        some = some - (some @ taper / taper.sum())[:, None]
        spectra = np.fft.rfft(some * taper, 2 * size, axis=1)
        correlation = np.fft.irfft(np.abs(spectra) ** 2, axis=1)[:, : size // 2] / overlap
        result[first : first + 64] = correlation / np.maximum(correlation[:, :1], 1e-12)
    return result


def tempo_grid() -> F64:
    """Return the tempi of the search, half a percent apart, in beats a minute."""
    return np.asarray(
        SLOWEST * 2.0 ** np.arange(0.0, np.log2(FASTEST / SLOWEST), np.log2(_STEP)), np.float64
    )


def comb(correlation: F64, rate: float, bpms: F64) -> F64:
    """Score tempi with a comb filter over the autocorrelation.

    Parameters
    ----------
    correlation
        `[windows, lags]` from `tempogram`.
    rate
        Frames a second.
    bpms
        Tempi to score, in beats a minute.

    Returns
    -------
    F64
        `[windows, tempi]`: mean correlation at lags of one, two, three and four beats.
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
    """Return the prior over tempi: log-normal around `centre`, `octaves` wide; 1 at the centre."""
    return np.asarray(np.exp(-0.5 * (np.log2(bpms / centre) / octaves) ** 2), dtype=np.float64)


def track(curve: F64, rate: float, periods: F64, *, tightness: float = 100.0) -> F64:
    """Track beats by dynamic programming at known, slowly changing periods.

    D. P. W. Ellis, "Beat tracking by dynamic programming", 2007: the best sequence that ends in a
    frame continues the best one that ends about a period earlier, less a penalty on the squared
    logarithm of the ratio of the interval to the period.

    Parameters
    ----------
    curve
        A flattened onset-strength envelope, `[frames]`.
    rate
        Frames a second.
    periods
        Expected inter-beat interval at each frame, in frames, `[frames]`.
    tightness
        Weight of the penalty, for an envelope whose root mean square is about 1.

    Returns
    -------
    F64
        Beat times in seconds, interpolated between frames.
    """
    frames = curve.size
    if frames < 3 or not np.any(curve > 0):
        return np.zeros(0)
    score = np.zeros(frames)
    link = np.full(frames, -1, np.int64)
    # Penalties depend only on the period, which takes few distinct integer values.
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
    # Any frame of the last period may be the last beat: start from the best of them.
    tail = int(whole[-1])
    frame = frames - tail + int(np.argmax(score[-tail:])) if frames > tail else int(score.argmax())
    beats: list[int] = []
    while frame >= 0:
        beats.append(frame)
        frame = int(link[frame])
    return refine(curve, np.array(beats[::-1], np.int64)) / rate


def refine(curve: F64, peaks: NDArray[np.int64]) -> F64:
    """Refine peak positions by parabolic interpolation; returns fractional frames."""
    inner = np.clip(peaks, 1, curve.size - 2)
    left, middle, right = curve[inner - 1], curve[inner], curve[inner + 1]
    bend = left - 2 * middle + right
    peaked = (middle >= left) & (middle >= right) & (bend < 0) & (inner == peaks)
    shift = np.where(peaked, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)
    return np.asarray(peaks + np.clip(shift, -0.5, 0.5), dtype=np.float64)
