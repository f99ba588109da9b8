"""From sounds to examples: the features of every sound, its variations and its family's loops."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kit.signal import spectra
from services.tagging import descriptors
from services.tagging.oneshots import CLASSES
from tools.train_tagging.sounds import Sound, load
from tools.train_tagging.synthesis import FAMILY, drums
from tools.train_tagging.variations import loops, splashes, variation

_VARIATIONS = {"synth": 1, "loop": 2}
"""Variations of a sound besides itself, by its class."""
_VARIATIONS_OTHERWISE = 4
_VARIATIONS_SYNTHESISED = 2
_LOOPS = 12
"""Loops of each kind that are played with the sounds of one family."""
_SPLASHES = 12
"""Splashes at most that are made of the crashes of one family."""
_BEHIND = frozenset({"kick", "snare", "closed_hat", "ride", "tom", "synth"})
"""Level range of the background behind a sound."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Training and evaluation data; one row for each variation of each sound.

    Attributes
    ----------
    sounds
        Without their audio.
    features
        `[rows, FEATURES]`.
    sound, variation
        `[rows]`: the index of the sound, and which variation; 0 is the sound itself.
    """

    sounds: tuple[Sound, ...]
    features: NDArray[np.float32]
    sound: NDArray[np.int64]
    variation: NDArray[np.int64]

    def column(self, values: Iterable[object]) -> NDArray[np.generic]:
        """Return a value of each sound as one of each row."""
        return np.array(list(values))[self.sound]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each row."""
        return np.asarray(self.column(CLASSES.index(s.label) for s in self.sounds), np.int64)

    @property
    def families(self) -> NDArray[np.generic]:
        """The family of each row."""
        return self.column(sound.family for sound in self.sounds)

    @property
    def real(self) -> NDArray[np.bool_]:
        """Whether a row is an unmodified sound of its kit, used for evaluation."""
        kept = self.column(bool(sound.licence) for sound in self.sounds)
        return np.asarray(kept & (self.variation == 0), bool)

    @property
    def learnt(self) -> NDArray[np.bool_]:
        """Whether a row belongs to the training data."""
        return np.asarray(~self.column(s.held_out for s in self.sounds).astype(bool), bool)

    def weights(self, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the weight of each row, so that classes and instruments are balanced.

        Layers and variations of one instrument count as the square root of their number, and
        classes as the power 0.4 of theirs.
        """
        labels = self.labels
        instruments = self.column(sound.instrument for sound in self.sounds)
        number = Counter(instruments[rows].tolist())
        weights = np.array(
            [number[name] ** -0.5 if name in number else 0.0 for name in instruments]
        )
        weights[~rows] = 0.0
        for label in np.unique(labels[rows]):
            of_class = labels == label
            weights[of_class] *= weights[of_class].sum() ** -0.6
        return np.asarray(weights / weights[rows].mean(), np.float64)


def examples(folder: Path) -> Examples:
    """Return all examples; features are cached next to the packages until their code changes."""
    sounds = load(folder)
    families: dict[str, list[Sound]] = {}
    for sound in sounds:
        families.setdefault(sound.family, []).append(sound)
    for family in sorted(families):
        sounds += loops(families[family], family, _LOOPS)
        sounds += splashes(families[family], family, _SPLASHES)
    sounds += drums()
    kept = folder / f"features-{_digest(sounds)}.npz"
    if not kept.is_file():
        _measure(sounds, families, kept)
    with np.load(kept, allow_pickle=False) as file:
        bare = tuple(sound.without_audio() for sound in sounds)
        return Examples(bare, file["features"], file["sound"], file["variation"])


def _digest(sounds: Sequence[Sound]) -> str:
    """Return a hash of the sounds and of the code that varies and describes them."""
    digest = hashlib.sha256()
    siblings = [Path(__file__).with_name(name) for name in ("variations.py", "synthesis.py")]
    for module in (Path(descriptors.__file__), Path(spectra.__file__), Path(__file__), *siblings):
        digest.update(module.read_bytes())
    for sound in sounds:
        digest.update(f"{sound.sha256} {sound.label} {sound.family}\n".encode())
    return digest.hexdigest()[:16]


def _measure(sounds: Sequence[Sound], families: dict[str, list[Sound]], kept: Path) -> None:
    tasks = [(sound, _behind(sound, families)) for sound in sounds]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(_described, tasks, chunksize=8))
    index = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    variations = np.concatenate([np.arange(len(row)) for row in rows])
    np.savez(kept, features=np.concatenate(rows), sound=index, variation=variations)


def _behind(sound: Sound, families: dict[str, list[Sound]]) -> list[Sound]:
    """Return background sounds for a sound: others of its kit from the training data."""
    others = [other for other in families.get(sound.family, ()) if not other.held_out]
    return [other for other in others if other.kit == sound.kit and other.label in _BEHIND]


def _described(task: tuple[Sound, list[Sound]]) -> NDArray[np.float32]:
    sound, others = task
    count = _VARIATIONS.get(sound.label, _VARIATIONS_OTHERWISE)
    if sound.family == FAMILY:
        count = _VARIATIONS_SYNTHESISED
    described = [
        descriptors.features(variation(sound, number, others), descriptors.RATE)
        for number in range(1 + count)
    ]
    return np.stack(described)
