"""Measured values of a sound: brightness, noisiness, attack and pitch. Numpy only."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import soxr

from kit.arrays import F32, F64
from kit.signal.spectra import Framing, magnitudes

RATE = 44_100
"""Hz; other rates are resampled, so that values are comparable."""
_ANALYSED = 3.0
"""Seconds from the onset on that are measured."""
_SILENCE = 1e-4
"""Peak, linear, below which a sound is silence."""
_ONSET_DB = -20.0
"""The attack begins where the envelope first reaches this level relative to its peak."""
_PEAK_DB = -6.0
"""The attack ends where the envelope first reaches this level relative to its peak."""
_STEP = RATE // 1000
"""Samples of one envelope point: 1 ms."""
_FRAMING = Framing(RATE, 4096, 1024)
_FREQUENCIES = np.arange(_FRAMING.bins) * RATE / _FRAMING.size
_OCTAVES = 250.0 * 2.0 ** np.arange(7)
"""Edges of the bands in which flatness is measured, 250 Hz to 16 kHz: below, an octave has too few
frequencies to tell a gliding tone from noise, and power counts as that of a tone."""
_LOWEST, _HIGHEST = 27.5, 2000.0
"""Hz: the range in which a pitch is searched."""
_PITCH_START, _PITCH_LENGTH = 0.05, 0.15
"""Seconds after the peak, and seconds of it, in which a pitch is searched."""
_CLARITY = 0.8
"""Periodicity, of at most 1, from which a sound has a pitch."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Measured values of a sound.

    Parameters
    ----------
    brightness
        Spectral centroid in Hz, weighted by power.
    noisiness
        Spectral flatness, 0 (a tone) to 1: 0.6 to 0.9 for noise, whose spectrum is never quite
        flat.
    attack
        Seconds from 20 dB below the peak of the envelope to 6 dB below it.
    pitch
        Fundamental frequency in Hz; `None` if the sound has no clear pitch.
    """

    brightness: float
    noisiness: float
    attack: float
    pitch: float | None


def measure(mono: F32, rate: int) -> Measures | None:
    """Measure a sound; `None` for silence.

    Parameters
    ----------
    mono
        Samples `[samples]`, full scale ±1; values that are not finite count as 0. Only the first
        three seconds after the onset are measured.
    rate
        In Hz.

    Notes
    -----
    Centroid and attack follow G. Peeters, "A large set of audio features for sound description",
    IRCAM 2004. Flatness is measured in octaves and averaged by their power, as in the MPEG-7
    descriptor AudioSpectrumFlatness, so that high-passed noise such as a cymbal counts as noise.
    Pitch is the first high peak of the normalised square difference function: P. McLeod and
    G. Wyvill, "A smarter way to find pitch", ICMC 2005.
    """
    sound = np.nan_to_num(np.asarray(mono, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if rate != RATE and sound.size:
        sound = np.asarray(soxr.resample(sound, rate, RATE, "HQ"), np.float32)
    peak = float(np.max(np.abs(sound))) if sound.size else 0.0
    if peak < _SILENCE:
        return None
    envelope = _envelope(sound) / peak
    onset = int(np.argmax(envelope >= 10 ** (_ONSET_DB / 20)))
    top = int(np.argmax(envelope >= 10 ** (_PEAK_DB / 20)))
    part = sound[onset * _STEP : onset * _STEP + int(_ANALYSED * RATE)] / np.float32(peak)
    spectra = np.concatenate(list(magnitudes([part[None]], _FRAMING)))
    power = (np.asarray(spectra, np.float64) ** 2).sum(axis=0)
    return Measures(
        brightness=float((power * _FREQUENCIES).sum() / max(float(power.sum()), 1e-20)),
        noisiness=_flatness(power),
        attack=(top - onset) * 0.001,
        pitch=_pitch(sound[top * _STEP :]),
    )


def _envelope(sound: F32) -> F64:
    count = -(-sound.size // _STEP)
    padded = np.zeros(count * _STEP, np.float32)
    padded[: sound.size] = np.abs(sound)
    return np.asarray(padded.reshape(count, _STEP).max(axis=1), np.float64)


def _flatness(power: F64) -> float:
    """Return the flatness of octaves, averaged by their power."""
    weighted = 0.0
    for low, high in pairwise(_OCTAVES):
        band = power[(low <= _FREQUENCIES) & (high > _FREQUENCIES)] + 1e-20
        weighted += float(band.sum()) * float(np.exp(np.log(band).mean()) / band.mean())
    return min(1.0, weighted / float(power.sum() + 1e-20))


def _pitch(sound: F32) -> float | None:
    """Return the fundamental frequency shortly after the peak."""
    start, length = int(_PITCH_START * RATE), int(_PITCH_LENGTH * RATE)
    part = np.asarray(sound[start : start + length], np.float64)
    longest = min(int(RATE / _LOWEST), part.size // 2)
    shortest = int(RATE / _HIGHEST)
    if longest <= 2 * shortest or np.abs(part).max() < _SILENCE:
        return None
    part -= part.mean()
    size = 1 << (2 * part.size - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(part, size)) ** 2
    products = np.fft.irfft(spectrum, size)[: longest + 1]
    squares = np.concatenate(([0.0], np.cumsum(part**2)))
    lags = np.arange(longest + 1)
    energy = squares[part.size - lags] + squares[-1] - squares[lags]
    periodicity = 2.0 * products / np.maximum(energy, 1e-20)
    # The first lobe, around lag 0, is no period.
    negative = np.flatnonzero(periodicity < 0.0)
    first = max(shortest, int(negative[0]) if negative.size else longest)
    inside = periodicity[first:-1]
    if inside.size < 3:
        return None
    peaks = 1 + np.flatnonzero((inside[1:-1] > inside[:-2]) & (inside[1:-1] >= inside[2:]))
    if not peaks.size or float(inside[peaks].max()) < _CLARITY:
        return None
    chosen = first + int(peaks[inside[peaks] >= 0.9 * inside[peaks].max()][0])
    before, middle, after = periodicity[chosen - 1 : chosen + 2]
    bend = before - 2.0 * middle + after
    shift = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    return float(RATE / (chosen + shift))
