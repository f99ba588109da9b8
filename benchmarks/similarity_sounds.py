"""Labelled sounds for the benchmark of similarity, changed copies of them, and their features."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.environments import ROOT, SMALLEST, few
from benchmarks.oneshots import FOLDERS, STRUCK, hits, read
from kit.arrays import F32, Mono
from kit.signal.decibels import power_to_db
from kit.signal.spectra import Framing, magnitudes, mel_bands
from services.tagging import descriptors
from services.tagging.descriptors import RATE, features
from services.tagging.mel import RATE as TAGGER_RATE
from services.tagging.mel import log_mel, patches
from tools.train_tagging.packages import configuration
from tools.train_tagging.sounds import Sound, broad, read_kit
from tools.train_tagging.variations import generator, variation

KITS = ROOT / ".cache" / "training"
VARIATIONS = 3
"""Variations of a sound that a projection is learnt from, besides the sound itself."""
_FRAMING = Framing(RATE, 2048, 1024)
_MEL = mel_bands(_FRAMING, low=30.0, high=16_000.0, bands=40)
_COEFFICIENTS = 13
_FRAMES = 43
"""Frames of the seed's features: the first second."""


@dataclass(frozen=True, slots=True)
class Described:
    """A sound with what describes it.

    Attributes
    ----------
    sound
        Its labels.
    change
        What was done to it; `""` for the sound itself, a number for a variation to learn from.
    descriptors
        `[350]`.
    mfcc
        Mel cepstrum normalised over the sound, `[13 · 43]`.
    patches
        Log-mel patches for MusiCNN, `[patches, 187, 96]`, in half precision as there are hundreds
        of megabytes of them; empty where they are not needed.
    """

    sound: Sound
    change: str
    descriptors: F32
    mfcc: F32
    patches: NDArray[np.float16]


def kits() -> list[Sound]:
    """Return the sounds of the fetched kits, each recording once."""
    seen: set[str] = set()
    sounds = []
    for kit in configuration()["kit"]:
        if not (KITS / kit["package"]).is_dir():
            continue
        for sound in map(Sound.broadly, few(read_kit(kit, KITS), 4)):
            if sound.sha256 not in seen:
                sounds.append(sound)
            seen.add(sound.sha256)
    return sounds


def recordings(data: Path) -> list[Sound]:
    """Return recorded one-shots that nothing is learnt from."""
    paths = few(sorted((data / "drum_oneshots" / "shared").glob("*/*.flac")), 12)
    return [
        _labelled(
            *read(path),
            label=FOLDERS.get(path.parent.name, (path.parent.name,))[0],
            kit=path.stem,
            name=path.name,
        )
        for path in paths
    ]


def slices(data: Path) -> list[Sound]:
    """Return hits of drum tracks, cut at the next one."""
    return [
        _labelled(audio, rate, label=broad(STRUCK[drum][0]), kit=folder.name, name=f"{number}")
        for folder in few(sorted((data / "drum_transcription" / "mdb").iterdir()))
        for number, (audio, rate, drum) in enumerate(few(hits(folder), 12))
        if float(np.abs(audio).max(initial=0.0)) > 1e-3
    ]


def _labelled(audio: Mono, rate: int, *, label: str, kit: str, name: str) -> Sound:
    mono = audio if rate == RATE else soxr.resample(audio, rate, RATE, "HQ")
    return Sound(
        kit=kit,
        family=kit,
        name=name,
        label=label,
        licence="",
        held_out=True,
        instrument=f"{kit}/{label}",
        sha256=hashlib.sha256(audio.tobytes()).hexdigest(),
        audio=np.asarray(mono, np.float32),
    )


def _pitched(semitones: float) -> Callable[[Sound], Mono]:
    def change(sound: Sound) -> Mono:
        return np.asarray(
            soxr.resample(sound.audio, RATE, round(RATE / 2 ** (semitones / 12)), "HQ"), np.float32
        )

    return change


def _low_pass(sound: Sound) -> Mono:
    """Take away what is above 4 kHz, 24 dB for each octave."""
    size = 1 << int(np.ceil(np.log2(sound.audio.size + 1)))
    spectrum = np.fft.rfft(sound.audio, size)
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 1.0)
    spectrum *= 10 ** (-24.0 * np.clip(np.log2(hertz / 4000.0), 0.0, None) / 20.0)
    return np.asarray(np.fft.irfft(spectrum, size)[: sound.audio.size], np.float32)


def _in_a_room(sound: Sound) -> Mono:
    """Add a room of 0.3 s whose reflections together are 9 dB below the direct sound."""
    chance = generator("room", sound.sha256)
    count = int(0.3 * RATE)
    answer = chance.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
    answer *= 10 ** (-9.0 / 20.0) / np.sqrt((answer**2).sum())
    answer[0] += 1.0
    size = 1 << int(np.ceil(np.log2(sound.audio.size + count)))
    whole = np.fft.irfft(np.fft.rfft(sound.audio, size) * np.fft.rfft(answer, size), size)
    return np.asarray(whole[: sound.audio.size + count // 2], np.float32)


def _mp3(sound: Sound) -> Mono:
    """Encode as MP3 and decode again, with the encoder's delay left in."""
    file = io.BytesIO()
    peak = max(1.0, float(np.abs(sound.audio).max()))
    soundfile.write(file, sound.audio / peak, RATE, format="MP3", compression_level=0.7)
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0], np.float32)


def _quieter(sound: Sound) -> Mono:
    """Make a sound 12 dB quieter and delay it by 10 ms."""
    delay = np.zeros(RATE // 100, np.float32)
    return np.concatenate([delay, sound.audio * np.float32(0.25)])


CHANGES: dict[str, Callable[[Sound], Mono]] = {
    "3 semitones up": _pitched(3.0),
    "3 semitones down": _pitched(-3.0),
    "low-pass 4 kHz": _low_pass,
    "room": _in_a_room,
    "MP3": _mp3,
    "-12 dB, 10 ms later": _quieter,
}
"""Changes under which a sound should still find itself."""


def describe_all(
    sounds: Sequence[Sound], *, changes: Sequence[str], with_patches: bool
) -> list[Described]:
    """Describe sounds and changed copies of them, on all processors.

    Parameters
    ----------
    changes
        Names of `CHANGES`, or numbers of variations to learn from.
    with_patches
        Whether MusiCNN's patches are computed, too.
    """
    tasks = [(sound, ("", *changes), with_patches) for sound in sounds]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return [row for rows in pool.map(_describe, tasks, chunksize=8) for row in rows]


def _describe(task: tuple[Sound, tuple[str, ...], bool]) -> list[Described]:
    sound, changes, with_patches = task
    rows = []
    for change in changes:
        if change in CHANGES:
            audio = CHANGES[change](sound)
        else:
            audio = variation(sound, int(change or 0), [])
        rows.append(
            Described(
                sound.without_audio(),
                change,
                features(audio, RATE),
                mfcc(audio),
                _patches(audio) if with_patches and not change.isdigit() else _NO_PATCHES,
            )
        )
    return rows


_NO_PATCHES = np.zeros((0, 1, 1), np.float16)


def mfcc(audio: Mono) -> F32:
    """Return the mel cepstrum of the first second, each coefficient normalised over the sound.

    Returns
    -------
    F32
        `[13 · 43]`: cepstral mean and variance normalisation over the sound's frames; frames after
        its end are 0.
    """
    spectra = np.concatenate(list(magnitudes([audio[None, : RATE + 2048]], _FRAMING)))[:_FRAMES]
    mel = np.asarray(spectra, np.float64) ** 2 @ np.asarray(_MEL.T, np.float64)
    levels = power_to_db(mel, reference=max(float(mel.max()), 1e-20), floor=-80.0)
    cosines = np.cos(
        np.pi * np.outer(np.arange(1, _COEFFICIENTS + 1), np.arange(len(_MEL)) + 0.5) / len(_MEL)
    )
    cepstrum = levels @ cosines.T
    cepstrum -= cepstrum.mean(axis=0)
    cepstrum /= cepstrum.std(axis=0) + 1e-6
    padded = np.zeros((_FRAMES, _COEFFICIENTS))
    padded[: len(cepstrum)] = cepstrum
    return np.asarray(padded.ravel(), np.float32)


def _patches(audio: Mono) -> NDArray[np.float16]:
    resampled = soxr.resample(audio, RATE, TAGGER_RATE, "HQ")
    rows = list(patches(log_mel([np.asarray(resampled, np.float32)[None]])))
    return np.stack(rows).astype(np.float16) if rows else np.zeros((1, 187, 96), np.float16)


def digest() -> str:
    """Return a hash of what descriptions depend on."""
    whole = hashlib.sha256(b"smallest" if SMALLEST else b"")
    for module in (__file__, descriptors.__file__):
        whole.update(Path(module).read_bytes())
    return whole.hexdigest()[:16]


def batches(rows: Sequence[Described], size: int) -> Iterator[tuple[NDArray[np.int64], F32]]:
    """Yield patches of all rows, at most `size` at a time, each with its row."""
    owners = np.repeat(np.arange(len(rows)), [len(row.patches) for row in rows])
    everything = [patch for row in rows for patch in row.patches]
    for at in range(0, len(everything), size):
        yield owners[at : at + size], np.stack(everything[at : at + size]).astype(np.float32)
