"""How well strokes are found in generated pieces, and the thresholds with which they are best."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kit.arrays import F32
from services.midi.strokes.decoding import peaks
from services.midi.strokes.features import DRUMS, FRAMING
from tools.train_drums.batches import coloured, mixed, moments
from tools.train_drums.pieces import Pieces
from tools.train_tagging.variations import generator

WINDOW = 0.05
"""Seconds within which a stroke counts as found."""
MIXES: Mapping[str, tuple[float, ...]] = {"drums": (-60.0, -35.0), "mixture": (-12.0, -3.0)}
"""Levels of the accompaniment in dB, relative to that of the drums at equal peaks."""
_GRID = tuple(round(0.1 + 0.05 * number, 2) for number in range(17))


@dataclass(frozen=True, slots=True)
class Heard:
    """The network's output for one piece, and the strokes that were played in it."""

    kind: str
    activations: F32
    velocities: F32
    strokes: F32


def inputs(pieces: Pieces) -> Iterator[tuple[str, int, F32]]:
    """Yield the kind of mix, the number of the piece and the spectrogram to validate with."""
    for number in range(len(pieces.strokes)):
        chance = generator("drum validation", str(number))
        for kind, levels in MIXES.items():
            level = levels[number % len(levels)]
            drums = coloured(chance, pieces.drums[number].astype(np.float32))
            music = pieces.music[number].astype(np.float32) + level
            yield kind, number, mixed(chance, drums, music)
        yield "music", number, mixed(chance, None, pieces.music[number].astype(np.float32))


def matched(truth: F32, estimate: F32) -> int:
    """Return how many strokes are found, each by its own estimate; both ascending, in seconds."""
    found, place = 0, 0
    for time in truth:
        while place < len(estimate) and estimate[place] < time - WINDOW:
            place += 1
        if place < len(estimate) and estimate[place] <= time + WINDOW:
            found += 1
            place += 1
    return found


def counts(heard: Sequence[Heard], drum: int, threshold: float) -> tuple[int, int, int]:
    """Return the found, the played and the estimated strokes of a drum."""
    found = played = estimated = 0
    for piece in heard:
        truth = moments(piece.strokes, drum)
        estimate = peaks(piece.activations[:, drum], threshold) / np.float32(FRAMING.rate)
        found += matched(truth, np.asarray(estimate, np.float32))
        played += len(truth)
        estimated += len(estimate)
    return found, played, estimated


def f_measure(found: int, played: int, estimated: int) -> float:
    """Return F, 1 where there is nothing to find and nothing is found."""
    return 2 * found / (played + estimated) if played + estimated else 1.0


def best_thresholds(heard: Sequence[Heard], kind: str) -> tuple[list[float], list[float]]:
    """Return for each drum the threshold with the highest F on a kind of mix, and that F."""
    some = [piece for piece in heard if piece.kind == kind]
    thresholds, scores = [], []
    for drum in range(len(DRUMS)):
        each = [f_measure(*counts(some, drum, threshold)) for threshold in _GRID]
        # The middle of the plateau is less a matter of chance than its highest point.
        high = [t for t, f in zip(_GRID, each, strict=True) if f >= max(each) - 0.003]
        thresholds.append(high[len(high) // 2])
        scores.append(max(each))
    return thresholds, scores
