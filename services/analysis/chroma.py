"""Tuned chroma by non-negative least squares. Pure numpy."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from kit.arrays import F32, F64
from kit.signal.spectra import Framing, magnitudes, mel_bands
from kit.signal.tuning import HOP, WINDOW

_LOWEST, _HIGHEST = 28, 96
"""Range of the dictionary in MIDI notes: E1 to C7."""
_PER_SEMITONE = 3
_BINS_LOW, _BINS_HIGH = 27, 115
"""Range of the spectrum in MIDI notes; above the highest note for its harmonics."""
_HARMONICS = 16
_DECAY = 0.7
"""Amplitude of each harmonic over that of the one below it."""
_ROUNDS = 30
_COLUMNS = 24
"""Columns that are averaged at a time."""

Floats = TypeVar("Floats", F32, F64)


@dataclass(frozen=True, slots=True)
class Chroma:
    """Chroma: the strength of each pitch class over time.

    Parameters
    ----------
    treble, bass
        `[frames, 12]` from C, ≥ 0; loud frames are not favoured over soft ones.
    energy
        `[frames]`: level of the tonal spectrum, linear.
    bands
        `[frames, 24]`: levels of mel bands in dB, not below -80: the timbre.
    rate
        Frames a second; frame `t` is centred on `t / rate`.
    tuning
        Tuning relative to A = 440 Hz in semitones, -0.5 to 0.5.
    """

    treble: F32
    bass: F32
    energy: F32
    bands: F32
    rate: float
    tuning: float


def _framing(sample_rate: int) -> Framing:
    return Framing.of_seconds(sample_rate, size=WINDOW, hop=HOP)


def _resampling(framing: Framing, shift: float) -> F32:
    """Return the map from spectra to a pitch axis, three bins per semitone, `[bins, pitches]`."""
    pitches = np.arange(_BINS_LOW, _BINS_HIGH, 1.0 / _PER_SEMITONE) + shift
    centres = 440.0 * 2.0 ** ((pitches - 69.0) / 12.0) * framing.size / framing.sample_rate
    # At low frequencies a filter is at least one bin wide, so that none falls between two bins.
    widths = np.maximum(1.0, centres * (2.0 ** (1.0 / (12 * _PER_SEMITONE)) - 1.0))
    bins = np.arange(framing.bins)[:, None]
    bank = np.maximum(0.0, 1.0 - np.abs(bins - centres) / widths)
    bank[:, centres > framing.bins - 2] = 0.0
    return np.asarray(bank / np.maximum(bank.sum(axis=0), 1e-9), dtype=np.float32)


def _dictionary() -> F32:
    """Return the harmonic spectrum of each note on the pitch axis, `[notes, pitches]`, norm 1."""
    axis = np.arange(_BINS_LOW, _BINS_HIGH, 1.0 / _PER_SEMITONE)
    notes = np.arange(_LOWEST, _HIGHEST + 1)
    shapes = np.zeros((notes.size, axis.size))
    for harmonic in range(1, _HARMONICS + 1):
        at = notes[:, None] + 12.0 * np.log2(harmonic)
        shapes += _DECAY ** (harmonic - 1) * np.maximum(0.0, 1.0 - np.abs(axis - at) * 1.5)
    norm = np.linalg.norm(shapes, axis=1, keepdims=True)
    return np.asarray(shapes / norm, dtype=np.float32)


def whiten(spectra: F32, *, reach: int = 18) -> F32:
    """Whiten spectra on a pitch axis: remove their spectral envelope.

    Each value is standardised by mean and standard deviation of the octave around it; values
    below the mean become 0 (M. Mauch and S. Dixon, "Approximate note transcription for the improved
    identification of difficult chords", ISMIR 2010).
    """
    width = 2 * reach + 1
    padded = np.pad(spectra.astype(np.float64), ((0, 0), (reach + 1, reach)), mode="reflect")
    sums = np.cumsum(padded, axis=1)
    squares = np.cumsum(padded**2, axis=1)
    mean = (sums[:, width:] - sums[:, :-width]) / width
    power = (squares[:, width:] - squares[:, :-width]) / width
    deviation = np.sqrt(np.maximum(power - mean**2, 0.0))
    raised = np.maximum(0.0, spectra - mean) / np.maximum(deviation, 1e-9)
    # Dividing by the square root only keeps some of the level: a fundamental above hiss.
    return np.asarray(raised * np.sqrt(deviation), dtype=np.float32)


def non_negative(observed: F32, dictionary: F32) -> F32:
    """Solve non-negative least squares by multiplicative updates (Lee and Seung, 2001).

    Parameters
    ----------
    observed
        Spectra, `[frames, pitches]`, ≥ 0.
    dictionary
        Spectra of the notes, `[notes, pitches]`, ≥ 0.

    Returns
    -------
    F32
        Activations `[frames, notes]`, ≥ 0.
    """
    target = observed @ dictionary.T
    gram = dictionary @ dictionary.T
    activations = target.copy()
    for _ in range(_ROUNDS):
        activations *= target / np.maximum(activations @ gram, 1e-9)
    return activations


def chroma(blocks: Iterable[F32], sample_rate: int, *, shift: float = 0.0) -> Chroma:
    """Compute chroma by non-negative least squares (after Mauch and Dixon, 2010).

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`.
    sample_rate
        In Hz.
    shift
        The recording's tuning in semitones, see `kit.signal.tuning`.

    Returns
    -------
    Chroma
        It takes 100 bytes for each 0.093 s of audio.
    """
    framing = _framing(sample_rate)
    bank, dictionary = _resampling(framing, shift), _dictionary()
    notes = np.arange(_LOWEST, _HIGHEST + 1)
    fold = np.zeros((notes.size, 12), np.float32)
    fold[np.arange(notes.size), notes % 12] = 1.0
    # Triads come from the middle range, roots from the bass; the two ranges cross-fade.
    upper = np.clip((notes - 44) / 12.0, 0.0, 1.0) * np.clip((100 - notes) / 24.0, 0.0, 1.0)
    lower = np.clip((60 - notes) / 12.0, 0.0, 1.0)
    treble: list[F32] = []
    bass: list[F32] = []
    energy: list[F32] = []
    bands: list[F32] = []
    mel = mel_bands(framing, low=40.0, high=16_000.0, bands=24)
    for spectra in magnitudes(blocks, framing):
        batch = spectra @ bank
        pitches = non_negative(whiten(batch), dictionary)
        treble.append((pitches * upper.astype(np.float32)) @ fold)
        bass.append((pitches * lower.astype(np.float32)) @ fold)
        energy.append(np.sqrt(np.mean(batch**2, axis=1)))
        bands.append(10.0 * np.log10(np.maximum(spectra**2 @ mel.T, np.float32(1e-8))))
    if not treble:
        nothing = np.zeros((0, 12), np.float32)
        return Chroma(nothing, nothing, nothing[:, 0], nothing, framing.rate, shift)
    return Chroma(
        treble=np.concatenate(treble),
        bass=np.concatenate(bass),
        energy=np.concatenate(energy),
        bands=np.concatenate(bands),
        rate=framing.rate,
        tuning=shift,
    )


def between(values: F32, rate: float, edges: F64) -> F64:
    """Average frames between neighbouring times.

    Parameters
    ----------
    values
        `[frames, …]`.
    rate
        Frames a second.
    edges
        Rising times in seconds, `[spans + 1]`.

    Returns
    -------
    F64
        `[spans, …]`; a span without a frame of its own uses the nearest.
    """
    frames = values.shape[0]
    at = np.clip(np.round(edges * rate).astype(np.int64), 0, frames)
    first = np.minimum(at[:-1], frames - 1)
    last = np.maximum(at[1:], first + 1)
    columns = values.reshape(frames, -1)
    means = np.empty((first.size, columns.shape[1]))
    # The sums of all columns at once would take twice the memory of the values.
    for left in range(0, columns.shape[1], _COLUMNS):
        part = columns[:, left : left + _COLUMNS]
        sums = np.zeros((frames + 1, part.shape[1]))
        np.cumsum(part, axis=0, dtype=np.float64, out=sums[1:])
        means[:, left : left + _COLUMNS] = (sums[last] - sums[first]) / (last - first)[:, None]
    return means.reshape(first.size, *values.shape[1:])


def unit_rows(values: Floats) -> Floats:
    """Scale each row to a norm of 1; rows of zeros stay."""
    norm = np.linalg.norm(values, axis=1, keepdims=True)
    scaled: Floats = values / np.maximum(norm, 1e-9)
    return scaled
