"""The time grid of a MIDI file: where its beats and bars lie in seconds.

A file counts in ticks of beats, and says how long a beat is; a tempo is a whole number of
microseconds a beat. What is written in ticks is therefore placed by the tempi as they are written,
so that nothing drifts however often they change.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
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
        many as it takes for every beat to lie within 25 ms. In either case, time before the first
        downbeat that has half a bar before it is filled by whole bars of a tempo of their own, so
        that bar lines lie on downbeats.
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
        period = float(np.median(np.diff(times)))
        counts = _anchors(times)
        anchors = times[counts]
    bar = beats_per_bar * period
    if abs(anchors[0]) <= _AT_ONCE:
        return Grid(_changes([0.0, *anchors[1:]], list(np.diff(counts))), beats_per_bar)
    # A bar that began before the file, or too soon after, is not the first one.
    skipped = 0
    while anchors[0] + skipped * bar < bar / 2:
        skipped += 1
    begins, beat = _moved(anchors, counts, skipped * beats_per_bar)
    kept = counts > beat
    moments = [0.0, begins, *anchors[kept]]
    lead = max(1, round(begins / bar)) * beats_per_bar
    steps = [lead, *np.diff([beat, *counts[kept]])]
    if len(moments) == 2:
        # Every beat lies in the lead-in.
        return Grid((Change(0, 0.0, _beat(begins / lead)),), beats_per_bar)
    return Grid(_changes(moments, steps), beats_per_bar, lead_in=True)


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


def _moved(
    anchors: NDArray[np.float64], counts: NDArray[np.int64], beats: int
) -> tuple[float, int]:
    """Return the moment that lies some beats after the first anchor, and how many those are."""
    last = int(counts[-1])
    if beats <= last:
        return float(np.interp(beats, counts, anchors)), beats
    period = float(anchors[-1] - anchors[0]) / max(1, last)
    return float(anchors[-1]) + period * (beats - last), beats


def _changes(moments: Sequence[float], beats: Sequence[int]) -> tuple[Change, ...]:
    """Return a tempo for each stretch between moments, that many beats long."""
    made: list[Change] = []
    tick, second = 0, 0.0
    for moment, count in zip(moments[1:], beats, strict=True):
        beat = _beat((moment - second) / count)
        made.append(Change(tick, second, beat))
        tick += int(count) * TICKS_PER_BEAT
        # Where the stretch really ends, now that its tempo is rounded.
        second += int(count) * beat / _MICRO
    return tuple(made)


def _beat(seconds: float) -> int:
    return int(np.clip(round(seconds * _MICRO), 1, _LONGEST))
