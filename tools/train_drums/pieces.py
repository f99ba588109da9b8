"""Pieces: the spectrograms of generated drums and of what accompanies them, kept on disk."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from kit.signal import spectra
from services.midi.strokes import features
from services.midi.strokes.features import DRUMS, RATE, mel_powers
from tools.train_drums import accompaniments, grooves, kits, rendering
from tools.train_drums.accompaniments import Band
from tools.train_drums.grooves import groove
from tools.train_drums.kits import HELD_OUT, Kit, assemble, kits_of
from tools.train_drums.rendering import drum_track, produced, reverberated
from tools.train_tagging.sounds import Sound, load
from tools.train_tagging.synthesis import drums as synthesised
from tools.train_tagging.variations import generator

SECONDS = 20.48
"""Length of a piece."""
FRAMES = 2048
"""Frames of a piece that are kept."""
_FONTS = {
    "train": "fluid-soundfont-gm/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "validate": "timgm6mb-soundfont/usr/share/sounds/sf2/TimGM6mb.sf2",
}


@dataclass(frozen=True, slots=True)
class Pieces:
    """Generated pieces.

    Attributes
    ----------
    drums, music
        Mel powers in dB of the drums and of the accompaniment, each with a peak of 1,
        `[pieces, FRAMES, BANDS]`.
    strokes
        Of each piece: seconds, index of the drum, velocity, `[strokes, 3]`.
    """

    drums: NDArray[np.float16]
    music: NDArray[np.float16]
    strokes: list[F32]


def decibels(powers: F32) -> F32:
    """Return powers as decibels, not below -100."""
    return np.asarray(10.0 * np.log10(np.maximum(powers, 1e-10)), np.float32)


def pieces(folder: Path, split: str, count: int) -> Pieces:
    """Return the pieces of a split; what was made before is read.

    Parameters
    ----------
    folder
        The unpacked packages; pieces are kept next to them.
    split
        `train`, or `validate` for kits and instruments that are held out.
    count
        Number of pieces; the first ones of a longer list are the same.
    """
    kept = folder / "drums" / f"{split}-{digest()}"
    kept.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(count) if not (kept / f"{number:05}.npz").is_file()]
    if missing:
        _make(folder, kept, split, missing)
    drums = np.empty((count, FRAMES, features.BANDS), np.float16)
    music, strokes = np.empty_like(drums), []
    for number in range(count):
        with np.load(kept / f"{number:05}.npz", allow_pickle=False) as file:
            drums[number], music[number] = file["drums"], file["music"]
            strokes.append(file["strokes"])
    return Pieces(drums, music, strokes)


def digest() -> str:
    """Return a hash of the code that makes pieces."""
    digest = hashlib.sha256()
    for module in (spectra, features, accompaniments, grooves, kits, rendering):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


class _Studio:
    """What one process makes pieces with."""

    kits: Sequence[Kit] = ()
    band: Band | None = None


def _make(folder: Path, kept: Path, split: str, numbers: list[int]) -> None:
    every = kits_of(map(Sound.broadly, [*load(folder), *synthesised()]))
    chosen = [kit for kit in every if (kit.family in HELD_OUT) == (split == "validate")]
    _Studio.kits, _Studio.band = chosen, None
    tasks = [(folder / _FONTS[split], kept, split, number) for number in numbers]
    # Sounds are shared with the processes that are forked here.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("fork")) as pool:
        for done, _ in enumerate(pool.map(_piece, tasks, chunksize=4), 1):
            if done % 100 == 0:
                print(f"{split}: {done} of {len(tasks)} pieces", flush=True)


def _piece(task: tuple[Path, Path, str, int]) -> None:
    font, kept, split, number = task
    if _Studio.band is None:
        _Studio.band = Band(font)
    chance = generator("drums", split, str(number))
    played = groove(chance, SECONDS)
    kit = assemble(chance, list(_Studio.kits))
    drums = produced(chance, drum_track(chance, played.strokes, kit, SECONDS))
    music = _Studio.band.play(chance, SECONDS, played.beats, played.bar)
    if chance.random() < 0.5:
        music = music + reverberated(chance, music)
    rows = [(s.time, DRUMS.index(s.drum), s.velocity) for s in played.strokes]
    temporary = kept / f"{number:05}.part"
    with temporary.open("wb") as file:
        np.savez(
            file,
            drums=_spectrogram(drums),
            music=_spectrogram(produced(chance, music)),
            strokes=np.array(rows, np.float32).reshape(-1, 3),
        )
    temporary.rename(kept / f"{number:05}.npz")


def _spectrogram(audio: F32) -> NDArray[np.float16]:
    powers = np.concatenate(list(mel_powers([audio[None, : int(SECONDS * RATE)]])))
    return decibels(powers)[:FRAMES].astype(np.float16)
