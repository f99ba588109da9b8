"""How many copies of labelled samples are recognised, and how many different ones are confused."""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.similarity_sounds import CHANGES
from kit.arrays import F32
from services.library.similarity.duplicates import MAX_DIFFERENCE, MAX_DISTANCE
from services.library.similarity.fingerprints import (
    BandLevels,
    fingerprint_difference,
    read_fingerprint,
)
from services.tagging.descriptors import RATE
from services.tagging.fingerprints import fingerprint
from tools.train_tagging.sounds import Sound

LIMITS = (1.5, 2.0, 2.5, 3.0, 4.0)
"""dB that are tried."""
COPIES = ("MP3", "-12 dB, 10 ms later", "room", "low-pass 4 kHz")
"""Changes of which the first two make copies, and the others do not."""


@dataclass(slots=True)
class Compared:
    """What comparisons gave: the difference of each close pair, and of each copy.

    Attributes
    ----------
    pairs
        Differences of different recordings in dB, and whether they are of one instrument.
    copies
        Differences of changed sounds from themselves, by the name of the change; infinite if their
        vectors are too far from each other.
    compared
        Number of pairs, close or not.
    """

    pairs: list[tuple[float, bool]] = field(default_factory=list)
    copies: dict[str, list[float]] = field(default_factory=dict)
    compared: int = 0

    def add(self, sounds: Sequence[Sound], plain: F32, changed: Callable[[str], F32]) -> None:
        """Compare recordings, each once, with each other and with changed copies.

        Parameters
        ----------
        sounds
            The recordings.
        plain
            Their unit vectors, `[sounds, components]`.
        changed
            Returns the vectors of their copies by the name of the change.
        """
        prints = [_levels(sound.audio) for sound in sounds]
        self.compared += len(sounds) * (len(sounds) - 1) // 2
        for row, distances in enumerate(1 - plain @ plain.T):
            for other in np.flatnonzero(distances[:row] <= MAX_DISTANCE):
                own, near = prints[row], prints[other]
                if own is not None and near is not None:
                    same = sounds[row].instrument == sounds[other].instrument
                    self.pairs.append((fingerprint_difference(own, near), same))
        for change in COPIES:
            near = 1 - (plain * changed(change)).sum(axis=1) <= MAX_DISTANCE
            for sound, own, is_near in zip(sounds, prints, near, strict=True):
                copy = _levels(CHANGES[change](sound)) if is_near else None
                alike = own is not None and copy is not None
                gap = fingerprint_difference(own, copy) if alike else np.inf
                self.copies.setdefault(change, []).append(float(gap))

    def table(self) -> Iterator[str]:
        """Yield a table of what is recognised at several limits."""
        yield (
            "| limit | "
            + " | ".join(COPIES)
            + " | pairs of other instruments | of one instrument |"
        )
        yield "|---|" + "---:|" * (len(COPIES) + 2)
        for limit in LIMITS:
            shares = [np.mean(np.array(self.copies[change]) <= limit) for change in COPIES]
            cells = [f"{100 * float(share):.1f} %" for share in shares]
            wrong = sum(gap <= limit and not same for gap, same in self.pairs)
            layers = sum(gap <= limit and same for gap, same in self.pairs)
            mark = "**" if limit == MAX_DIFFERENCE else ""
            yield f"| {mark}{limit:g} dB{mark} | " + " | ".join(cells) + f" | {wrong} | {layers} |"
        yield ""
        yield (
            f"Of {self.compared:,} pairs of different recordings {len(self.pairs):,} are within a "
            f"distance of {MAX_DISTANCE}. Layers of one instrument are recordings of their own, "
            "often nearly the same."
        )


def _levels(audio: F32) -> BandLevels | None:
    text = fingerprint(audio, RATE)
    return None if text is None else read_fingerprint(base64.b64decode(text))
