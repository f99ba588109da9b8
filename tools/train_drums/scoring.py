"""How well strokes of generated pieces are detected, and the best thresholds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from services.midi.strokes.decoding import peaks, presence, strokes
from services.midi.strokes.features import DRUMS, FRAMING
from tools.train_drums.batches import coloured, mixed
from tools.train_drums.pieces import Pieces
from tools.train_tagging.variations import generator

WINDOW = 0.05
"""Seconds within which a stroke counts as detected."""
MIXES: Mapping[str, tuple[float, ...]] = {"drums": (-60.0, -35.0), "mixture": (-12.0, -3.0)}
"""Levels of the accompaniment in dB, relative to that of the drums at equal peaks."""
_SOFTEST = 0.5
"""Velocity below which a stroke counts neither as missed nor as wrong when thresholds are chosen:
ghost notes below the others cannot be had without taking the others' attacks for strokes."""
_GRID = tuple(round(0.1 + 0.05 * number, 2) for number in range(17))


@dataclass(frozen=True, slots=True)
class Score:
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


def matched(truth: F32, estimate: F32) -> NDArray[np.bool_]:
    """Return for each estimate whether it has a stroke of its own; both ascending, in seconds."""
    used, place = np.zeros(len(estimate), bool), 0
    for time in truth:
        while place < len(estimate) and estimate[place] < time - WINDOW:
            place += 1
        if place < len(estimate) and estimate[place] <= time + WINDOW:
            used[place] = True
            place += 1
    return used


def counts(
    scores: Sequence[Score], drum: int, threshold: float, *, softest: float = 0.0
) -> tuple[int, int, int]:
    """Return the matched, the played and the estimated strokes of a drum.

    Strokes with a velocity below `softest` are neither played nor, where estimated, wrong.
    """
    matches = played = estimated = 0
    for piece in scores:
        rows = piece.strokes[piece.strokes[:, 1] == drum]
        loud, soft = rows[rows[:, 2] >= softest, 0], rows[rows[:, 2] < softest, 0]
        frames = peaks(piece.activations[:, drum], threshold)
        estimate = np.asarray(frames / FRAMING.rate, np.float32)
        used = matched(loud, estimate)
        ignored = matched(soft, estimate[~used]) if len(soft) else np.zeros(0, bool)
        matches += int(used.sum())
        played += len(loud)
        estimated += len(estimate) - int(ignored.sum())
    return matches, played, estimated


def f_measure(matches: int, played: int, estimated: int) -> float:
    """Return F, 1 where there is nothing to find and nothing is detected."""
    return 2 * matches / (played + estimated) if played + estimated else 1.0


def best_thresholds(scores: Sequence[Score], kind: str) -> list[float]:
    """Return for each drum the threshold with the highest F on a kind of mix."""
    some = [score for score in scores if score.kind == kind]
    thresholds = []
    for drum in range(len(DRUMS)):
        each = [f_measure(*counts(some, drum, limit, softest=_SOFTEST)) for limit in _GRID]
        # The middle of the plateau is less a matter of chance than its highest point.
        high = [t for t, f in zip(_GRID, each, strict=True) if f >= max(each) - 0.003]
        thresholds.append(high[len(high) // 2])
    return thresholds


def presence_of(scores: Sequence[Score], thresholds: Mapping[str, Sequence[float]]) -> float:
    """Return the presence above which a recording counts as one with drums.

    It lies in the middle between nearly all music without drums and nearly all mixtures.
    """
    values: dict[str, list[float]] = {"music": [], "mixture": []}
    for score in scores:
        if score.kind in values:
            detected = strokes(score.activations, score.velocities, thresholds["mixture"])
            duration = len(score.activations) / FRAMING.rate
            values[score.kind].append(presence(detected, duration))
    without = float(np.percentile(values["music"], 95))
    return round((without + float(np.percentile(values["mixture"], 10))) / 2, 3)
