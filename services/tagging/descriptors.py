"""Feature vector of a one-shot for the classifier. Numpy only.

The features are the shape of the envelope, mel spectra in five windows after the attack, decay
times of frequency ranges, tonality, and the number and regularity of onsets.
"""

from itertools import pairwise

import numpy as np
import soxr
from numpy.typing import NDArray

from kit.arrays import F32
from kit.signal.decibels import power_to_db
from kit.signal.spectra import Framing, magnitudes, mel_bands

RATE = 44_100
"""Hz; other rates are resampled, so that features are comparable."""
_LONGEST = 12.0
"""Seconds of a sound that are analysed."""
_ANALYSED = 3.0
"""Seconds of the spectral analysis."""
_SILENCE = 1e-4
"""Peak, linear, below which a sound is silence."""
_START_DB = -40.0
"""A sound begins where its envelope first reaches this level relative to its peak."""
_FLOOR_DB = -70.0
_BANDS = 40
_LOW, _HIGH = 30.0, 16_000.0
_WINDOWS = ((0.0, 0.025), (0.025, 0.075), (0.075, 0.2), (0.2, 0.5), (0.5, 1.5))
"""Windows after the attack in which spectra are averaged, in seconds."""
_RANGES_HZ = (30.0, 120.0, 400.0, 1500.0, 5000.0, 16_000.0)
"""Edges of the frequency ranges whose decay is measured."""
_DECAYS_DB = (10.0, 20.0, 35.0)
_FRAMING = Framing(RATE, 1024, 256)
_MEL = mel_bands(_FRAMING, low=_LOW, high=_HIGH, bands=_BANDS)
_FREQUENCIES = np.arange(_FRAMING.bins) * RATE / _FRAMING.size
_STEP = RATE // 1000
"""Samples of one envelope point: 1 ms."""

Vector = NDArray[np.float64]


def features(mono: F32, rate: int) -> F32:
    """Compute a level-independent feature vector of a sound.

    Parameters
    ----------
    mono
        Samples `[samples]`, full scale ±1; values that are not finite count as 0. Only the
        first 12 seconds are analysed.
    rate
        In Hz.

    Returns
    -------
    F32
        `[FEATURES]`; all zero for silence, which `Classifier.classify` leaves undecided.

    Raises
    ------
    ValueError
        When the audio is not one-dimensional or the rate is not positive.

    Notes
    -----
    The choice of descriptors follows P. Herrera, A. Yeterian and F. Gouyon, "Automatic
    classification of drum sounds", ICMAI 2002, and G. Peeters, "A large set of audio features for
    sound description", IRCAM 2004.
    """
    if mono.ndim != 1:
        raise ValueError(f"features need one channel, [samples], not an array of {mono.shape}")
    if rate <= 0:
        raise ValueError(f"the sample rate must be positive, not {rate}")
    sound = np.nan_to_num(np.asarray(mono, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    sound = sound[: int(_LONGEST * rate)]
    if rate != RATE and sound.size:
        sound = np.asarray(soxr.resample(sound, rate, RATE, "HQ"), np.float32)
    peak = float(np.max(np.abs(sound))) if sound.size else 0.0
    if peak < _SILENCE:
        return np.zeros(FEATURES, np.float32)
    envelope = _envelope(sound) / peak
    first = int(np.argmax(envelope >= 10 ** (_START_DB / 20)))
    start = max(0, first - 1)
    sound = sound[start * _STEP :] / np.float32(peak)
    return _describe(sound, envelope[start:])


def _describe(sound: F32, envelope: Vector) -> F32:
    ringing = sound[: int(_ANALYSED * RATE)]
    spectra = np.concatenate(list(magnitudes([ringing[None]], _FRAMING)))
    power = np.asarray(spectra, np.float64) ** 2
    parts = [
        _envelope_features(envelope),
        _onset_features(sound),
        _spectra(power),
        _band_decays(power),
        _moments(power),
        _tonality(ringing),
    ]
    whole = np.concatenate(parts)
    return np.nan_to_num(whole).astype(np.float32)


def _envelope(sound: F32) -> Vector:
    count = -(-sound.size // _STEP)
    padded = np.zeros(count * _STEP, np.float32)
    padded[: sound.size] = np.abs(sound)
    return np.asarray(padded.reshape(count, _STEP).max(axis=1), np.float64)


def _decibels(power: Vector, reference: float) -> Vector:
    return power_to_db(power, reference=max(reference, 1e-20), floor=_FLOOR_DB)


def _log_time(seconds: float | Vector) -> Vector:
    octaves = np.log2(np.maximum(np.asarray(seconds, np.float64), 0.001) / 0.001)
    return np.asarray(octaves, np.float64)


def _envelope_features(envelope: Vector) -> Vector:
    """Return envelope features: attack, decay times (log2 of ms), temporal centroid and spread."""
    power = envelope**2
    smooth = np.convolve(power, np.ones(5) / 5.0)[: power.size]
    top = int(np.argmax(smooth))
    levels = _decibels(smooth, float(smooth[top]))
    rise = top - int(np.argmax(levels[: top + 1] >= -20.0))
    falls = [_decay_time(levels, top, by) for by in (3.0, 6.0, 12.0, 20.0, 30.0, 40.0)]
    total = float(power.sum())
    times = np.arange(power.size) * 0.001
    centre = float((power * times).sum() / total)
    spread = float(np.sqrt((power * (times - centre) ** 2).sum() / total))
    burst = smooth[:60] / max(float(smooth[:60].max()), 1e-12)
    peaks = (burst[1:-1] > burst[:-2]) & (burst[1:-1] >= burst[2:]) & (burst[1:-1] > 0.1)
    dips = np.abs(np.diff(levels[:60])).mean() if levels.size > 1 else 0.0
    ends = [float(smooth[int(share * (smooth.size - 1))]) for share in (0.25, 0.5, 0.75, 0.98)]
    early = [float(power[:ms].sum() / total) for ms in (5, 15, 40, 100, 250)]
    sizes = [_log_time(0.001 * envelope.size), _log_time(0.001 * rise), *map(_log_time, falls)]
    sizes += [_log_time(centre), _log_time(spread)]
    rest = [10.0 * np.log10(1.0 / max(float(power.mean()), 1e-9)), float(peaks.sum()), dips]
    tail = _decibels(np.array(ends), float(smooth[top]))
    return np.concatenate([np.array(sizes, np.float64), np.array(rest), tail, np.array(early)])


def _decay_time(levels: Vector, top: int, by: float) -> float:
    """Return the seconds from the peak to the last frame within `by` dB of it."""
    above = np.flatnonzero(levels[top:] >= -by)
    return 0.001 * float(above[-1] if above.size else 0)


def _onset_features(sound: F32) -> Vector:
    """Return onset features by spectral flux: number, rate, strength and regularity."""
    spectra = np.concatenate(list(magnitudes([sound[None]], Framing(RATE, 1024, 441))))
    bands = np.log10(1.0 + 1000.0 * (spectra @ _MEL.T))
    flux = np.maximum(0.0, bands[3:] - bands[:-3]).mean(axis=1) if len(bands) > 3 else np.zeros(1)
    flux = np.asarray(flux, np.float64)
    # Skip the attack itself: its flux from silence would dominate.
    inside = flux[6:] if flux.size > 7 else np.zeros(1)
    highest = float(inside.max())
    onsets = np.zeros(0, np.int64)
    if inside.size > 8:
        around = np.lib.stride_tricks.sliding_window_view(np.pad(inside, 4), 9).max(axis=1)
        onsets = np.flatnonzero((inside == around) & (inside > 0.06) & (inside > 0.3 * highest))
    seconds = sound.size / RATE
    steady = 0.0
    if inside.size > 40:
        centred = inside - inside.mean()
        size = 2 * centred.size
        spectrum = np.abs(np.fft.rfft(centred, size)) ** 2
        lags = np.fft.irfft(spectrum)[: centred.size]
        steady = float(lags[12 : max(13, centred.size // 2)].max() / max(float(lags[0]), 1e-9))
    counts = [np.log2(1.0 + onsets.size), onsets.size / max(seconds, 0.1), highest, steady]
    last = float(onsets[-1]) * 0.01 if onsets.size else 0.0
    return np.array([*counts, float(_log_time(last)), float(inside.mean()) * 10.0])


def _window(start: float, end: float, frames: int) -> slice:
    first = min(round(start * RATE / _FRAMING.hop), frames)
    return slice(first, max(first, min(frames, round(end * RATE / _FRAMING.hop))))


def _spectra(power: Vector) -> Vector:
    """Return mel spectra in each window (dB relative to the loudest band), MFCCs and flux."""
    mel = power @ np.asarray(_MEL.T, np.float64)
    early = mel[: max(1, round(0.5 * RATE / _FRAMING.hop))].mean(axis=0)
    reference = float(early.max())
    columns = []
    for start, end in _WINDOWS:
        part = mel[_window(start, end, len(mel))]
        mean = part.mean(axis=0) if len(part) else np.zeros(_BANDS)
        columns.append(_decibels(mean, reference))
    whole = _decibels(mel.mean(axis=0), float(mel.mean(axis=0).max()))
    index = np.arange(_BANDS)
    cosines = np.cos(np.pi * np.outer(np.arange(1, 14), index + 0.5) / _BANDS)
    steps = np.diff(_decibels(mel, float(mel.max())), axis=0)
    moving = np.abs(steps[: round(0.5 * RATE / _FRAMING.hop)])
    coarse = moving.mean(axis=0).reshape(10, 4).mean(axis=1) if len(moving) else np.zeros(10)
    return np.concatenate([*columns, cosines @ whole / 10.0, coarse])


def _band_decays(power: Vector) -> Vector:
    """Return level, peak time and decay times of each frequency range."""
    rate = RATE / _FRAMING.hop
    loudest = 0.0
    tracks = []
    for low, high in pairwise(_RANGES_HZ):
        within = slice(*np.searchsorted(_FREQUENCIES, (low, high)))
        track = power[:, within].sum(axis=1)
        tracks.append(track)
        loudest = max(loudest, float(track.max()))
    numbers: list[float] = []
    for track in tracks:
        top = int(np.argmax(track))
        levels = _decibels(track, float(track[top]))
        times = np.array([np.flatnonzero(levels[top:] >= -by)[-1] / rate for by in _DECAYS_DB])
        level = float(_decibels(track[top : top + 1], loudest)[0])
        total = float(_decibels(np.array([track.sum()]), float(sum(t.sum() for t in tracks)))[0])
        numbers += [level, total, float(_log_time(top / rate)), *_log_time(times)]
    return np.array(numbers)


def _moments(power: Vector) -> Vector:
    """Return centroid, spread, skewness, flatness and roll-off in each window."""
    numbers: list[float] = []
    octaves = np.log2(np.maximum(_FREQUENCIES, 20.0) / 20.0)
    for start, end in (*_WINDOWS[:4], (0.0, _ANALYSED)):
        part = power[_window(start, end, len(power))]
        mean = part.mean(axis=0) if len(part) else np.zeros(_FRAMING.bins)
        total = float(mean.sum())
        if total <= 1e-14:
            numbers += [0.0] * 7
            continue
        share = mean / total
        centre = float((share * octaves).sum())
        spread = float(np.sqrt((share * (octaves - centre) ** 2).sum()))
        skew = float((share * (octaves - centre) ** 3).sum()) / max(spread, 0.1) ** 3
        audible = mean[2:372] + 1e-14 * total + 1e-16
        flat = float(np.exp(np.log(audible).mean()) / audible.mean())
        top = mean[93:372] + 1e-16
        flat_high = float(np.exp(np.log(top).mean()) / top.mean())
        summed = np.cumsum(share)
        rolls = [float(octaves[min(int(np.searchsorted(summed, s)), 512)]) for s in (0.5, 0.9)]
        numbers += [centre, spread, skew, np.log10(flat + 1e-6), np.log10(flat_high + 1e-6), *rolls]
    return np.array(numbers)


def _tonality(sound: F32) -> Vector:
    """Return tonality and pitch features in four windows, and the pitch glide."""
    numbers: list[float] = []
    for start, size in ((0.003, 2048), (0.04, 4096), (0.12, 8192), (0.35, 8192)):
        part = sound[int(start * RATE) :][:size]
        if part.size < 512 or float(np.abs(part).max()) < 1e-3:
            numbers += [0.0] * 8
            continue
        shaped = part * np.hanning(part.size)
        spectrum = np.abs(np.fft.rfft(shaped, 16_384)) ** 2
        width = RATE / 16_384
        low = spectrum[int(30 / width) : int(1000 / width)]
        total = float(spectrum.sum()) + 1e-12
        top = int(np.argmax(low)) + int(30 / width)
        near = spectrum[max(0, int(top * 0.85)) : int(top * 1.18) + 1]
        peak = float(spectrum.max())
        strongest = int(np.argmax(spectrum))
        # Autocorrelation (Wiener-Khinchin theorem): periodicity from 40 to 1500 Hz.
        lags = np.fft.irfft(spectrum)[: RATE // 40]
        lags = lags / max(float(lags[0]), 1e-12)
        begin = RATE // 1500
        dip = int(np.argmax(lags < 0.0)) if bool((lags < 0.0).any()) else lags.size - 1
        begin = max(begin, dip)
        searched = lags[begin:] if begin < lags.size - 1 else np.zeros(1)
        best = int(np.argmax(searched))
        pitch = RATE / max(1, begin + best)
        numbers += [
            float(np.log2(top * width / 30.0)),
            float(near.sum()) / total,
            float(low.sum()) / total,
            10.0 * float(np.log10(peak / (float(np.median(spectrum[8:6000])) + 1e-12) + 1.0)),
            float(np.log2(max(strongest * width, 20.0) / 20.0)),
            float(searched[best]),
            float(np.log2(max(pitch, 20.0) / 20.0)),
            float(np.mean(np.diff(np.signbit(part).astype(np.int8)) != 0)),
        ]
    glide = numbers[0] - numbers[8] if numbers[8] else 0.0
    later = numbers[8] - numbers[16] if numbers[16] else 0.0
    return np.array([*numbers, glide, later])


FEATURES = _describe(np.ones(RATE, np.float32), np.ones(1000)).size
"""Length of the feature vector."""
