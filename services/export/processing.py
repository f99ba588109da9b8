"""Change the sound of exported samples: tempo, key, silence at the ends, level. Only on request.

Tempo and pitch are changed by Signalsmith Stretch (MIT), a spectral stretcher: Geraint Luff,
"Signalsmith Stretch" (2023).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import python_stretch

from contracts.export import ProcessingOptions
from contracts.items import AudioFacts
from contracts.tagging import SoundClass
from kit.arrays import AudioBlock
from kit.audio.decode import read
from kit.audio.encode import AudioForm, Encoder
from kit.audio.probe import probe
from kit.worker.outcomes import Rejected
from services.export.pitch import tonic, tonic_name

MAX_SECONDS = 300
"""Longer sounds are refused, because the stretcher holds a whole sound in memory."""
MAX_RATIO = 2.0
"""The largest change of tempo, as a factor in either direction."""
_SILENCE = 10 ** (-60 / 20)
"""What is smaller than this share of the peak is silence at the ends of a sound."""
_PITCHED = frozenset({SoundClass.BASS, SoundClass.VOCAL, SoundClass.SYNTH})
_ONE_SHOTS = frozenset(SoundClass) - {SoundClass.LOOP, SoundClass.UNKNOWN}
"""Classes that have no tempo of their own; those that are not pitched have no key either."""
_RELATIVE = 3
"""Semitones from the tonic of a minor key up to that of its relative major."""
_FARTHEST = 6
"""The largest transposition in semitones."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a sound is fitted to a tempo and a key, and which it has then."""

    bpm: float | None
    key: str | None
    factor: float = 1.0
    """New speed by old speed."""
    semitones: int = 0

    @property
    def changes(self) -> bool:
        """Whether the sound has to be changed."""
        return self.factor != 1.0 or self.semitones != 0


@dataclass(frozen=True, slots=True)
class ProcessedFile:
    """A sound after processing, in a file of its own."""

    path: Path
    audio: AudioFacts
    fit: Fit
    done: tuple[str, ...] = ()
    """What was done to it, as text for a person."""


def fit_of(
    bpm: float | None, key: str | None, options: ProcessingOptions, *, sound: str = ""
) -> Fit:
    """Return how a sound is fitted; without a tempo or a key it keeps its speed or its pitch.

    One-shots keep their speed, and drums their pitch, whatever the song is that they were cut from.
    A tempo more than `MAX_RATIO` away is left as it is.

    Parameters
    ----------
    bpm, key
        Of the sound, or of its song.
    sound
        Its class, if it is known; other words mean nothing.
    """
    fit = Fit(bpm, key)
    one_shot = sound in _ONE_SHOTS
    if options.bpm is not None and bpm is not None and not one_shot:
        ratio = options.bpm / bpm
        if 1 / MAX_RATIO <= ratio <= MAX_RATIO:
            fit = replace(fit, factor=ratio, bpm=options.bpm)
    if options.key is not None and key is not None and not (one_shot and sound not in _PITCHED):
        semitones, fitted = transposition(key, options.key)
        fit = replace(fit, semitones=semitones, key=fitted)
    return fit


def transposition(key: str, target: str) -> tuple[int, str]:
    """Return by how many semitones, -5 to 6, a key is transposed to fit another, and to which key.

    Of two keys of different modes, the first is transposed to the relative key of the second.

    Parameters
    ----------
    key, target
        Such as `F#:min`.
    """
    mode, target_mode = key.partition(":")[2], target.partition(":")[2]
    target_tonic = tonic(target)
    if mode == target_mode:
        name = target
    else:
        target_tonic += _RELATIVE if target_mode == "min" else -_RELATIVE
        name = f"{tonic_name(target_tonic)}:{mode}"
    semitones = (target_tonic - tonic(key)) % 12
    return (semitones if semitones <= _FARTHEST else semitones - 12), name


def process_file(
    source: Path,
    path: Path,
    options: ProcessingOptions,
    *,
    bpm: float | None,
    key: str | None,
    sound: str = "",
    form: AudioForm = AudioForm.WAV_FLOAT,
) -> ProcessedFile:
    """Write a sound as the options ask for: first tempo and key, then the ends, then the level.

    Equal sounds and options give equal samples. A silent sound keeps its ends and its level.

    Parameters
    ----------
    source
        A file that libsndfile reads.
    path
        Where to write; see `form`.
    bpm, key, sound
        See `fit_of`.
    form
        FLAC or WAV.

    Raises
    ------
    Rejected
        The sound is longer than `MAX_SECONDS`.
    UnreadableAudio
        The file is damaged.
    """
    facts = probe(source)
    if facts.duration > MAX_SECONDS:
        raise Rejected(
            "input",
            f"A sound here is {facts.duration:.0f} s long, and at most {MAX_SECONDS} s can be "
            "processed. Export it without processing, or leave it out of the collection.",
        )
    audio = read(source)
    done = []
    fit = fit_of(bpm, key, options, sound=sound)
    if fit.changes:
        audio = _stretched(audio, facts.sample_rate, fit)
        done += _described(bpm, fit)
    peak = float(np.abs(audio).max(initial=0.0))
    if options.trim and peak:
        loud = np.flatnonzero((np.abs(audio) > peak * _SILENCE).any(axis=0))
        start, stop = int(loud[0]), int(loud[-1]) + 1
        if cut := audio.shape[1] - (stop - start):
            done.append(f"{cut / facts.sample_rate * 1000:.0f} ms of silence cut off")
            audio = audio[:, start:stop]
    if options.peak_dbfs is not None and peak:
        gain = 10 ** (options.peak_dbfs / 20) / peak
        done.append(f"level {20 * np.log10(gain):+.1f} dB")
        audio = audio * np.float32(gain)
    with Encoder(path, facts.sample_rate, channels=len(audio), form=form) as encoder:
        encoder.write(audio)
    return ProcessedFile(path, encoder.facts, fit, tuple(done))


def _described(bpm: float | None, fit: Fit) -> list[str]:
    texts = []
    if bpm is not None and fit.factor != 1.0:
        texts.append(f"fitted from {bpm:.1f} to {fit.bpm:g} BPM")
    if fit.semitones:
        texts.append(f"transposed by {fit.semitones:+d} semitones")
    return texts


def _stretched(audio: AudioBlock, sample_rate: int, fit: Fit) -> AudioBlock:
    """Return audio at another speed and pitch, `round(samples / factor)` samples long."""
    stretch = python_stretch.Signalsmith.Stretch()
    stretch.preset(len(audio), sample_rate)
    stretch.setTimeFactor(fit.factor)
    stretch.setTransposeSemitones(fit.semitones)
    samples = round(audio.shape[1] / fit.factor)
    stretched = stretch.process(np.ascontiguousarray(audio, np.float32))[:, :samples]
    missing = samples - stretched.shape[1]
    fitted: AudioBlock = np.pad(stretched, ((0, 0), (0, missing))).astype(np.float32)
    return fitted
