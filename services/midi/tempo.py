"""The time grid of a MIDI file: where its beats and bars lie in seconds.

A file counts in ticks of beats, and says how long a beat is; a tempo is a whole number of
microseconds a beat. What is written in ticks is therefore placed by the tempi as they are written,
so that nothing drifts however often they change.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

TICKS_PER_BEAT = 960
DEFAULT_TEMPO = 120.0

_MICRO = 1_000_000
_LONGEST = 2**24 - 1
"""Microseconds of a beat that a file can say."""
_STEADY = 0.03
"""Seconds within which nearly all beats of a steady song lie around an even grid."""
_NEARLY_ALL = 0.95
_NEAR = 0.025
"""Seconds that a beat may lie off a grid that bends."""
_PIECES = 8
"""Parts of a beat that a pickup is a whole number of: 32nd notes."""
_AT_ONCE = 0.002
"""A song that begins within this has no lead-in."""


@dataclass(frozen=True, slots=True)
class Change:
    """From this tick and this moment on, in seconds, a beat lasts this many microseconds."""

    tick: int
    second: float
    beat: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Tempi in order of time, the first at 0, and the meter."""

    changes: tuple[Change, ...]
    beats_per_bar: int = 4
    lead_in: bool = False
    """Whether the first tempo only brings the first downbeat onto a bar."""
    pickup: Fraction = Fraction(0)
    """Beats of the file's first bar where it is shorter than the others; 0 where it is not."""

    @property
    def meters(self) -> tuple[tuple[int, int, int], ...]:
        """Tick from which a meter holds, its numerator and its denominator."""
        own = (self.beats_per_bar, 4)
        if not self.pickup:
            return ((0, *own),)
        # In 32nd notes, or in what is longer where it comes out even.
        count, note = int(self.pickup * _PIECES), 4 * _PIECES
        while count % 2 == 0 and note > 4:
            count, note = count // 2, note // 2
        return (0, count, note), (int(self.pickup * TICKS_PER_BEAT), *own)

    @property
    def tempo(self) -> float:
        """Beats a minute of the longest stretch."""
        own = self.changes[self.lead_in :]
        lengths = [after.second - one.second for one, after in pairwise(own)]
        # What follows the last change has no end, so it counts as the beats before it do.
        longest = int(np.argmax(lengths)) if lengths else 0
        return 60 * _MICRO / own[longest].beat

    @property
    def tempo_changes(self) -> int:
        """How often the tempo changes once the song has begun."""
        return len(self.changes) - 1 - self.lead_in

    def ticks(self, seconds: float) -> float:
        """Return a moment in ticks, not yet rounded."""
        after = bisect_right(self.changes, seconds, key=lambda change: change.second)
        change = self.changes[max(0, after - 1)]
        return change.tick + (seconds - change.second) * _MICRO / change.beat * TICKS_PER_BEAT


def even(tempo: float) -> Grid:
    """Return a grid of one tempo, in beats a minute, whose first bar begins with the file."""
    return Grid((Change(0, 0.0, _beat(60 / tempo)),))


def follow(beats: Sequence[float], downbeat: int, beats_per_bar: int) -> Grid:
    """Return the grid of a song whose beats are known.

    Parameters
    ----------
    beats
        At least 2, in seconds, rising.
    downbeat
        Which of them is the first of a bar.
    beats_per_bar
        At least 1.

    Returns
    -------
    Grid
        One tempo where the beats are even: nearly all within 30 ms of a line through them. Else as
        many as it takes for every beat to lie within 25 ms. In either case bar lines lie on
        downbeats from the first one on: time before it is a pickup of a whole number of 32nd
        notes, and the bars between, at a tempo of their own that is as near the song's as it can.
    """
    times = np.asarray(beats, np.float64)[downbeat % beats_per_bar :]
    if len(times) < 2:
        times = np.asarray(beats, np.float64)
    index = np.arange(len(times))
    line = _line(index, times)
    if line is not None:
        period, first = line
        anchors = np.array([first, first + period * max(1, len(times) - 1)])
        counts = np.array([0, max(1, len(times) - 1)])
    else:
        # Before the first beat the song went as it then goes on.
        period = float(np.median(np.diff(times[: beats_per_bar + 1])))
        counts = _anchors(times)
        anchors = times[counts]
    first, beat = float(anchors[0]), 0
    while first < -_AT_ONCE:
        # A bar that began before the file is not the first one.
        beat += beats_per_bar
        first = _moved(anchors, counts, beat)
    kept = counts > beat
    steps = np.diff([beat, *counts[kept]])
    if first <= _AT_ONCE:
        changes = _changes([0.0, *anchors[kept]], list(steps)) if len(steps) else ()
        return Grid(changes or (Change(0, 0.0, _beat(period)),), beats_per_bar)
    pieces = max(1, round(first / period * _PIECES))
    lead = pieces / _PIECES
    after = list(zip([*anchors[kept]], steps, strict=True)) or [(first + period, 1)]
    changes = _changes(
        [0.0, first, *(moment for moment, _ in after)], [lead, *(count for _, count in after)]
    )
    pickup = pieces % (beats_per_bar * _PIECES)
    return Grid(changes, beats_per_bar, lead_in=True, pickup=Fraction(pickup, _PIECES))


def _line(index: NDArray[np.int64], times: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return period and first beat of an even grid through the beats, unless they are uneven."""
    period, first = np.polyfit(index, times, 1)
    for _ in range(3):
        # Beats that were missed or heard twice do not count where the rest is even.
        near = np.abs(times - first - period * index) <= 2 * _STEADY
        if near.sum() < 2:
            return None
        period, first = np.polyfit(index[near], times[near], 1)
    off = np.abs(times - first - period * index)
    if period <= 0 or np.mean(off <= _STEADY) < _NEARLY_ALL:
        return None
    return float(period), float(first)


def _anchors(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the beats at which the tempo has to change, the first and the last included."""
    chosen = [0]
    last = len(times) - 1
    reach = 1
    while chosen[-1] < last:
        first = chosen[-1]
        end = first + reach
        if end <= last and _fits(times[first : end + 1]):
            reach += 1
            continue
        chosen.append(max(first + 1, end - 1))
        reach = 1
    return np.array(chosen, np.int64)


def _fits(times: NDArray[np.float64]) -> bool:
    return bool(np.all(np.abs(times - np.linspace(times[0], times[-1], len(times))) <= _NEAR))


def _moved(anchors: NDArray[np.float64], counts: NDArray[np.int64], beat: int) -> float:
    """Return the moment of a beat, counted from the first anchor."""
    last = int(counts[-1])
    if beat <= last:
        return float(np.interp(beat, counts, anchors))
    period = float(anchors[-1] - anchors[0]) / max(1, last)
    return float(anchors[-1]) + period * (beat - last)


def _changes(moments: Sequence[float], beats: Sequence[float]) -> tuple[Change, ...]:
    """Return a tempo for each stretch between moments, that many beats long."""
    made: list[Change] = []
    tick, second = 0, 0.0
    for moment, count in zip(moments[1:], beats, strict=True):
        beat = _beat((moment - second) / count)
        made.append(Change(tick, second, beat))
        tick += round(count * TICKS_PER_BEAT)
        # Where the stretch really ends, now that its tempo is rounded.
        second += float(count) * beat / _MICRO
    return tuple(made)


def _beat(seconds: float) -> int:
    return int(np.clip(round(seconds * _MICRO), 1, _LONGEST))
