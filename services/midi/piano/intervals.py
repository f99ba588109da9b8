"""Find the best intervals of every track by dynamic programming (a semi-Markov Viterbi search)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kit.arrays import F32

_SKIP = -1


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval from one frame to another one, which may be the same, of a track."""

    track: int
    begin: int
    end: int
    score: float
    """How much better it is than nothing: the logarithm of the odds, all else being equal."""


@dataclass(frozen=True, slots=True)
class IntervalScores:
    """The scores of all intervals of all tracks.

    Attributes
    ----------
    blocks
        The scores of longer intervals, in blocks of as many frames at which they begin as the
        first one has: [tracks, begins, ends]. The ends of a block are counted from its first frame.
        Only those after the beginning mean anything.
    single
        [tracks, frames]: scores of intervals of one frame.
    """

    blocks: Sequence[F32]
    single: F32

    def of(self, track: int, begin: int, end: int) -> float:
        """Return the score of one interval."""
        if begin == end:
            return float(self.single[track, begin])
        number, row = divmod(begin, self.blocks[0].shape[1])
        return float(self.blocks[number][track, row, end - begin + row])


def best_intervals(scores: IntervalScores, starts: Sequence[int]) -> list[list[Interval]]:
    """Find the intervals of each track with the greatest sum of scores.

    Intervals of a track do not overlap, but one may begin at the frame at which another ends, and
    an interval of one frame may lie at either end of a longer one. Frames outside them cost
    nothing.

    Parameters
    ----------
    scores
        The scores.
    starts
        For each track, the first frame at which an interval may begin.

    Returns
    -------
    list
        The intervals of each track, in order of time.
    """
    tracks, frames = scores.single.shape
    rows = np.arange(tracks)
    alone = np.maximum(scores.single, 0)
    # The best sum of intervals from each frame on, and where the interval ends that begins there.
    best = np.zeros((tracks, frames), np.float32)
    best[:, -1] = alone[:, -1]
    ends = np.full((tracks, frames), _SKIP, np.int32)
    size = scores.blocks[0].shape[1]
    for begin in range(frames - 2, min(starts) - 1, -1):
        number, row = divmod(begin, size)
        sums = scores.blocks[number][:, row, row + 1 :] + best[:, begin + 1 :]
        chosen = sums.argmax(axis=1)
        highest = sums[rows, chosen]
        after = best[:, begin + 1]
        is_better = highest > after
        ends[is_better, begin] = begin + 1 + chosen[is_better]
        best[:, begin] = np.where(is_better, highest, after) + alone[:, begin]
    return [_followed(scores, track, ends[track], start) for track, start in enumerate(starts)]


def _followed(scores: IntervalScores, track: int, ends: np.ndarray, start: int) -> list[Interval]:
    """Return the intervals of a track that the choices of each frame lead to."""
    intervals: list[Interval] = []

    def add(begin: int, end: int) -> None:
        intervals.append(Interval(track, begin, end, scores.of(track, begin, end)))

    single = scores.single[track] > 0
    frame, last = start, len(ends) - 1
    while frame < last:
        if single[frame]:
            add(frame, frame)
        end = int(ends[frame])
        if end == _SKIP:
            frame += 1
            continue
        add(frame, end)
        frame = end
    if single[last]:
        add(last, last)
    return intervals
