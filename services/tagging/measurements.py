"""Loudness, timbre, envelope and pitch of a sample. Numpy only."""

from typing import NamedTuple

import numpy as np

from contracts.music import Hertz, Share
from contracts.tagging import SoundFacts
from kit.arrays import F64, AudioBlock, Mono
from kit.signal.loudness import LoudnessMeter
from kit.signal.spectra import Framing, magnitudes

_FRAME, _HOP = 0.046, 0.023
"""Seconds of a frame of the spectrum, and from one to the next."""
_LOUD_DB = 20.0
"""Brightness and noisiness are means over the frames at most this far below the loudest one."""
_LOW, _HIGH = 30.0, 16_000.0
"""Hz: the range of the flatness. Lossy coders and low sample rates leave nothing above it."""
_FLOOR = 1e-6
"""Added to magnitudes relative to their maximum, so that empty bins have a logarithm."""
_STEP = 0.001
"""Seconds of a point of the envelope."""
_RISE = (0.1, 0.9)
_DECAYED = 0.1
"""-20 dB."""
_PITCH_WINDOW = 0.1
_AFTER_ATTACK = 0.02
"""Seconds after the peak where the pitch is measured: the click of an attack has none."""
_LOWEST, _HIGHEST = 25.0, 2000.0
"""Hz: the range of the pitch."""
_KEY_MAXIMUM = 0.9
"""Share of the highest maximum that the first one must reach: McLeod and Wyvill's k."""
_CLEAR = 0.65
"""Clarity below which a sound has no pitch."""
_INAUDIBLE = 1e-3
"""Amplitude, linear, below which nothing is measured relative to the sound's peak."""


class Pitch(NamedTuple):
    """A fundamental frequency in Hz, and how periodic the sound is, 0 to 1."""

    frequency: Hertz
    clarity: Share


def measure(audio: AudioBlock, mono: Mono, rate: int, *, one_shot: bool) -> SoundFacts:
    """Measure what the words for sound mean.

    Parameters
    ----------
    audio
        One or two channels, `[channels, samples]`, full scale ±1, not silent.
    mono
        The same, downmixed.
    rate
        In Hz.
    one_shot
        Whether it is a single sound: a loop has no attack, decay or pitch.

    Notes
    -----
    Loudness: maximum momentary loudness, EBU Tech 3341. Centroid and envelope: G. Peeters, "A large
    set of audio features for sound description", IRCAM 2004; the centroid is that of the power
    spectrum. Flatness: `librosa.feature.spectral_flatness` with `power=1`. Pitch: P. McLeod and
    G. Wyvill, "A smarter way to find pitch", ICMC 2005.
    """
    meter = LoudnessMeter(rate, len(audio))
    meter.add(audio)
    loudness = meter.maximum_momentary()
    sound = np.nan_to_num(np.asarray(mono, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(np.abs(sound).max(initial=0.0))
    if loudness is None or peak <= 0:
        return SoundFacts(loudness=loudness)
    sound = sound / np.float32(peak)
    brightness, noisiness = _timbre(sound, rate)
    if not one_shot:
        return SoundFacts(loudness=loudness, brightness=brightness, noisiness=noisiness)
    envelope = _envelope(sound, rate)
    top = int(envelope.argmax())
    rise = [int(np.argmax(envelope >= share)) for share in _RISE]
    pitch = detect_pitch(sound[round((top * _STEP + _AFTER_ATTACK) * rate) :], rate)
    if pitch is None:
        pitch = detect_pitch(sound, rate)
    return SoundFacts(
        loudness=loudness,
        brightness=brightness,
        noisiness=noisiness,
        attack=(rise[1] - rise[0]) * _STEP,
        decay=int(np.flatnonzero(envelope[top:] >= _DECAYED)[-1]) * _STEP,
        pitch=pitch.frequency if pitch else None,
        pitch_clarity=pitch.clarity if pitch else None,
    )


def detect_pitch(sound: Mono, rate: int) -> Pitch | None:
    """Return the pitch at the start of a sound, `[samples]`; `None` if it is not periodic.

    Notes
    -----
    McLeod and Wyvill's normalised square difference function over at most 100 ms: the first of its
    maxima that reaches 0.9 of the highest one, with parabolic interpolation. Periods must fit into
    the sound twice.
    """
    part = np.asarray(sound[: round(_PITCH_WINDOW * rate)], np.float64)
    if not part.size or float(np.abs(part).max()) < _INAUDIBLE:
        return None
    longest = min(round(rate / _LOWEST), part.size // 2)
    function = _square_difference(part, longest + 2)
    start = int(np.argmax(function < 0)) if bool((function < 0).any()) else function.size
    inner = function[1:-1]
    maxima = np.flatnonzero((inner > function[:-2]) & (inner >= function[2:]) & (inner > 0)) + 1
    maxima = maxima[(maxima >= max(start, rate / _HIGHEST)) & (maxima <= longest)]
    if not maxima.size:
        return None
    lag = int(maxima[function[maxima] >= _KEY_MAXIMUM * function[maxima].max()][0])
    before, at, after = function[lag - 1 : lag + 2]
    bend = before - 2 * at + after
    shift = 0.5 * (before - after) / bend if bend else 0.0
    clarity = min(1.0, float(at - 0.25 * (before - after) * shift))
    return Pitch(float(rate / (lag + shift)), clarity) if clarity >= _CLEAR else None


def _square_difference(part: F64, lags: int) -> F64:
    """Return the normalised square difference function of the first lags, -1 to 1."""
    lags = min(lags, part.size)
    spectrum = np.fft.rfft(part, 1 << (2 * part.size - 1).bit_length())
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:lags]
    energy = np.concatenate(([0.0], np.cumsum(part**2)))
    shifts = np.arange(lags)
    # The energy of the two parts that a shift compares.
    compared = energy[part.size - shifts] + energy[-1] - energy[shifts]
    return np.asarray(2.0 * correlation / np.maximum(compared, 1e-12))


def _timbre(sound: Mono, rate: int) -> tuple[Hertz, Share]:
    """Return the spectral centroid in Hz and the spectral flatness of the loudest frames."""
    framing = Framing.of_seconds(rate, size=_FRAME, hop=_HOP)
    spectra = np.concatenate(list(magnitudes([sound[None]], framing)))
    power = np.asarray(spectra, np.float64) ** 2
    total = power.sum(axis=1)
    loud = total >= total.max() * 10 ** (-_LOUD_DB / 10)
    frequencies = np.arange(framing.bins) * rate / framing.size
    centroid = float((power[loud] @ frequencies / total[loud]).mean())
    first, last = np.searchsorted(frequencies, (_LOW, _HIGH))
    within = np.asarray(spectra[loud, first:last], np.float64)
    within += _FLOOR * within.max() + np.finfo(np.float64).tiny
    flatness = np.exp(np.log(within).mean(axis=1)) / within.mean(axis=1)
    return max(centroid, 1.0), float(np.clip(flatness.mean(), 0.0, 1.0))


def _envelope(sound: Mono, rate: int) -> F64:
    """Return the highest magnitude of each millisecond, `[points]`."""
    step = max(1, round(_STEP * rate))
    padded = np.pad(np.abs(sound), (0, -sound.size % step))
    return np.asarray(padded.reshape(-1, step).max(axis=1), np.float64)
