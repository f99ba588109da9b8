"""Group and score slices, and choose the ones to store."""

import numpy as np

from contracts.slicing import Slice, SliceEnd, SliceKind, SlicingParams
from kit.arrays import F64
from kit.signal.decibels import amplitude_to_db
from services.slicing.grouping import Grouping, group
from services.slicing.measuring import Measured

_OFF_BEAT = 0.02
"""Share by which a loop may be longer or shorter than its bars, beyond which it is never best."""


def describe(
    measured: list[Measured],
    params: SlicingParams,
    kind: SliceKind,
    *,
    sample_rate: int,
    first: int,
) -> list[Slice]:
    """Group slices, score them and mark the best of each group.

    Parameters
    ----------
    measured
        Slices of one kind. Loops are grouped only with loops of the same length.
    params
        `similarity` is the minimum correlation within a group.
    kind
        The kind of all of them.
    sample_rate
        In Hz.
    first
        Index of the first slice.
    """
    if not measured:
        return []
    clean = _cleanness(measured)
    labels = np.zeros(len(measured), np.int64)
    alike = np.zeros(len(measured))
    offset = 0
    lengths = np.array([piece.stretch.bars if piece.stretch else 0 for piece in measured])
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        vectors = np.stack([measured[index].timbre for index in members])
        grouping: Grouping = group(
            vectors,
            np.argsort(-clean[members], kind="stable"),
            similarity=params.similarity,
        )
        labels[members] = grouping.labels + offset
        alike[members] = grouping.similarity
        offset = int(labels[members].max()) + 1
    scores = np.clip(0.75 * clean + 0.25 * alike, 0.0, 1.0)
    best = {
        int(label): int(np.argmax(np.where(labels == label, scores, -1.0)))
        for label in set(labels.tolist())
    }
    return [
        Slice(
            index=first + index,
            kind=kind,
            start=piece.start,
            end=piece.end,
            onset=piece.onset,
            end_reason=piece.end_reason,
            strength=piece.strength,
            level_dbfs=amplitude_to_db(piece.level),
            peak_dbfs=amplitude_to_db(piece.peak),
            group=int(labels[index]),
            similarity=float(alike[index]),
            score=float(scores[index]),
            best=best[int(labels[index])] == index,
            bars=piece.stretch.bars if piece.stretch else None,
            bpm=60.0 * piece.stretch.beats * sample_rate / (piece.end - piece.start)
            if piece.stretch
            else None,
        )
        for index, piece in enumerate(measured)
    ]


def _cleanness(measured: list[Measured]) -> F64:
    """Score each slice 0 to 1: quiet before it, fully decayed, loud, not clipped."""
    loudest = max(piece.level for piece in measured)
    longest = max(piece.end - piece.start for piece in measured)
    scores = []
    for piece in measured:
        if piece.end_reason is SliceEnd.GRID:
            # A loop that is as long as its bars stays on the beat when it repeats.
            exact = max(0.0, 1.0 - abs(piece.deviation) / _OFF_BEAT)
            scores.append(exact * min(1.0, piece.level / loudest))
            continue
        rise = amplitude_to_db(piece.level) - amplitude_to_db(max(piece.before, 1e-6))
        alone = np.clip(rise / 40.0, 0.0, 1.0)
        complete = (
            1.0 if piece.end_reason is SliceEnd.DECAY else 0.6 * (piece.end - piece.start) / longest
        )
        loud = np.clip(
            1.0 + (amplitude_to_db(piece.level) - amplitude_to_db(loudest)) / 40.0, 0.0, 1.0
        )
        # A slice that touches full scale may be clipped.
        whole = 0.5 if piece.peak >= 0.999 else 1.0
        scores.append(float(whole * (0.4 * alone + 0.4 * complete + 0.2 * loud)))
    return np.array(scores)


def choose(slices: list[Slice], params: SlicingParams) -> list[Slice]:
    """Choose the slices to store as files.

    One-shots: the best of each group, the largest groups first, then the others by score, at most
    `max_one_shots`. Loops: only the best of each group, at most `max_loops`.
    """
    shots = [piece for piece in slices if piece.kind is SliceKind.ONE_SHOT]
    if params.best_only:
        shots = [piece for piece in shots if piece.best]
    shots.sort(key=lambda piece: (not piece.best, piece.group if piece.best else 0, -piece.score))
    loops = [piece for piece in slices if piece.kind is SliceKind.LOOP and piece.best]
    loops.sort(key=lambda piece: -piece.score)
    return [*shots[: params.max_one_shots], *loops[: params.max_loops]]
