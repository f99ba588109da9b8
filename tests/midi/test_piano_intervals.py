"""The best intervals of tracks: the same as by trying all of them."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from services.midi.piano.intervals import IntervalScores, best_intervals

FRAMES = 6


def scores_of(
    seed: int, *, tracks: int = 3, frames: int = FRAMES, shift: float = 0.0, block: int = 4
) -> IntervalScores:
    rng = np.random.default_rng(seed)
    scores = rng.normal(shift, 2.0, (tracks, frames, frames)).astype(np.float32)
    blocks = [scores[:, first : first + block, first:] for first in range(0, frames, block)]
    single = rng.normal(-0.5, 1.0, size=(tracks, frames)).astype(np.float32)
    return IntervalScores(blocks, single)


def every_set(first: int, frames: int) -> Iterator[list[tuple[int, int]]]:
    """Yield all sets of intervals that do not overlap, from a frame on."""

    def after(begin: int) -> Iterator[list[tuple[int, int]]]:
        yield []
        for start in range(begin, frames):
            for end in range(start + 1, frames):
                for rest in after(end):
                    yield [(start, end), *rest]

    yield from after(first)


def best_of_all(scores: IntervalScores, track: int, first: int) -> float:
    frames = scores.single.shape[1]
    alone = np.maximum(scores.single[track], 0)

    def total(some: list[tuple[int, int]]) -> float:
        inside = {frame for begin, end in some for frame in range(begin + 1, end)}
        free = sum(float(alone[frame]) for frame in range(first, frames) if frame not in inside)
        return free + sum(scores.of(track, begin, end) for begin, end in some)

    return max(total(some) for some in every_set(first, frames))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("shift", [-2.0, 0.0])
def test_no_other_set_of_intervals_is_better(seed: int, shift: float) -> None:
    scores = scores_of(seed, shift=shift)
    starts = [0, 2, FRAMES - 1]
    for track, intervals in enumerate(best_intervals(scores, starts)):
        assert all(interval.begin >= starts[track] for interval in intervals)
        assert sum(interval.score for interval in intervals) == pytest.approx(
            best_of_all(scores, track, starts[track]), abs=1e-4
        )
        for early, late in pairwise(intervals):
            assert early.end <= late.begin
        for interval in intervals:
            assert interval.track == track
            assert interval.score == scores.of(track, interval.begin, interval.end)


def test_blocks_of_frames_do_not_change_the_result() -> None:
    starts = [0, 0, 10, 79]
    whole, parts = (
        best_intervals(scores_of(5, tracks=4, frames=80, shift=-4.0, block=block), starts)
        for block in (80, 7)
    )
    assert parts == whole
    assert any(whole)


def test_scores_below_zero_give_nothing() -> None:
    below = -np.ones((2, 5, 5), np.float32)
    assert best_intervals(IntervalScores([below], below[..., 0]), [0, 0]) == [[], []]
