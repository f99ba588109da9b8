"""The tempo map of a song: beats and bars in seconds, in the resolution of a MIDI file.

A MIDI file counts ticks per beat, and its tempo is a whole number of microseconds per beat. Times
are converted to ticks with the rounded tempi, so that nothing drifts however often the tempo
changes.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contracts.analysis import Analysis

TICKS_PER_BEAT = 960
DEFAULT_TEMPO = 120.0

_MICRO = 1_000_000
_LONGEST = 2**24 - 1
"""Maximum microseconds per beat in a MIDI file."""
_STEADY = 0.03
"""Maximum distance of beats from an even grid in a steady song, in seconds."""
_NEARLY_ALL = 0.95
_NEAR = 0.025
"""Maximum distance of a beat from a grid with tempo changes, in seconds."""
_PIECES = 8
"""Resolution of a pickup: parts of a beat (32nd notes)."""
_AT_ONCE = 0.002
"""A song whose first downbeat is within this many seconds has no lead-in."""


@dataclass(frozen=True, slots=True)
class TempoEvent:
    """A tempo change: at a tick and a time in seconds, to a beat length in microseconds."""

    tick: int
    second: float
    beat: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Tempi in order of time, the first at 0, and the meter."""

    changes: tuple[TempoEvent, ...]
    beats_per_bar: int = 4
    lead_in: bool = False
    """Whether the first tempo only aligns the first downbeat with a bar."""
    pickup: Fraction = Fraction(0)
    """Beats of the first bar if it is shorter than the others, else 0."""

    @property
    def meters(self) -> tuple[tuple[int, int, int], ...]:
        """Start tick, numerator and denominator of each meter."""
        own = (self.beats_per_bar, 4)
        if not self.pickup:
            return ((0, *own),)
        # In 32nd notes, or in the longest note value that divides it.
        count, note = int(self.pickup * _PIECES), 4 * _PIECES
        while count % 2 == 0 and note > 4:
            count, note = count // 2, note // 2
        return (0, count, note), (int(self.pickup * TICKS_PER_BEAT), *own)

    @property
    def tempo(self) -> float:
        """Beats a minute of the longest stretch."""
        own = self.changes[self.lead_in :]
        lengths = [following.second - change.second for change, following in pairwise(own)]
        # The stretch after the last change has no end, so it is not compared.
        longest = int(np.argmax(lengths)) if lengths else 0
        return 60 * _MICRO / own[longest].beat

    @property
    def tempo_changes(self) -> int:
        """Number of tempo changes after the lead-in."""
        return len(self.changes) - 1 - self.lead_in

    def seconds(self, ticks: float) -> float:
        """Convert ticks to a time in seconds."""
        after = bisect_right(self.changes, ticks, key=lambda change: change.tick)
        change = self.changes[max(0, after - 1)]
        return change.second + (ticks - change.tick) / TICKS_PER_BEAT * change.beat / _MICRO

    def ticks(self, seconds: float) -> float:
        """Convert a time in seconds to ticks, not rounded."""
        after = bisect_right(self.changes, seconds, key=lambda change: change.second)
        change = self.changes[max(0, after - 1)]
        return change.tick + (seconds - change.second) * _MICRO / change.beat * TICKS_PER_BEAT


def even(tempo: float) -> Grid:
    """Return a grid of one tempo, in beats per minute, whose first bar starts at 0."""
    return Grid((TempoEvent(0, 0.0, _beat(60 / tempo)),))


def grid_of(analysis: Analysis | None, *, every_beat: bool = False) -> Grid | None:
    """Return the grid of an analysed song, see `follow`; `None` if its beats are unknown."""
    if analysis is None or analysis.tempo is None or len(analysis.beats) < 2:
        return None
    times = [beat.time for beat in analysis.beats]
    if np.any(np.diff(times) <= 0):
        return None
    first = next((i for i, beat in enumerate(analysis.beats) if beat.position == 1), 0)
    return follow(times, first, analysis.tempo.beats_per_bar, every_beat=every_beat)


def follow(
    beats: Sequence[float], downbeat: int, beats_per_bar: int, *, every_beat: bool = False
) -> Grid:
    """Fit a grid to the known beats of a song.

    Parameters
    ----------
    beats
        At least 2, in seconds, ascending.
    downbeat
        Index of a downbeat.
    beats_per_bar
        At least 1.
    every_beat
        Give each beat a tempo of its own, whether the song is steady or not.

    Returns
    -------
    Grid
        One tempo if the beats are even: 95 % within 30 ms of a fitted line. Otherwise as many tempi
        as needed for every beat to lie within 25 ms, or 1 µs with `every_beat`. Bar lines are on
        downbeats from the first one on: the time before it becomes a pickup of a whole number of
        32nd notes, plus bars, at a tempo of its own as close to the song's as possible.
    """
    times = np.asarray(beats, np.float64)[downbeat % beats_per_bar :]
    if len(times) < 2:
        times = np.asarray(beats, np.float64)
    index = np.arange(len(times))
    line = None if every_beat else _line(index, times)
    if line is not None:
        period, first = line
        anchors = np.array([first, first + period * max(1, len(times) - 1)])
        counts = np.array([0, max(1, len(times) - 1)])
    else:
        # The tempo before the first beat is that of the first bar.
        period = float(np.median(np.diff(times[: beats_per_bar + 1])))
        counts = index if every_beat else _anchors(times)
        anchors = times[counts]
    first, beat = float(anchors[0]), 0
    while first < -_AT_ONCE:
        # Skip bars that begin before the file.
        beat += beats_per_bar
        first = _moved(anchors, counts, beat)
    kept = counts > beat
    steps = np.diff([beat, *counts[kept]])
    if first <= _AT_ONCE:
        changes = _changes([0.0, *anchors[kept]], list(steps)) if len(steps) else ()
        return Grid(changes or (TempoEvent(0, 0.0, _beat(period)),), beats_per_bar)
    pieces = max(1, round(first / period * _PIECES))
    lead = pieces / _PIECES
    after = list(zip([*anchors[kept]], steps, strict=True)) or [(first + period, 1)]
    changes = _changes(
        [0.0, first, *(moment for moment, _ in after)], [lead, *(count for _, count in after)]
    )
    pickup = pieces % (beats_per_bar * _PIECES)
    return Grid(changes, beats_per_bar, lead_in=True, pickup=Fraction(pickup, _PIECES))


def _line(index: NDArray[np.int64], times: NDArray[np.float64]) -> tuple[float, float] | None:
    """Fit period and first beat of an even grid by least squares; `None` if they are uneven."""
    period, first = np.polyfit(index, times, 1)
    for _ in range(3):
        # Beats that were missed or detected twice are ignored if the rest is even.
        near = np.abs(times - first - period * index) <= 2 * _STEADY
        if near.sum() < 2:
            return None
        period, first = np.polyfit(index[near], times[near], 1)
    off = np.abs(times - first - period * index)
    if period <= 0 or np.mean(off <= _STEADY) < _NEARLY_ALL:
        return None
    return float(period), float(first)


def _anchors(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices of beats at which the tempo changes, plus the first and the last."""
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
    """Return the time of a beat, counted from the first anchor."""
    last = int(counts[-1])
    if beat <= last:
        return float(np.interp(beat, counts, anchors))
    period = float(anchors[-1] - anchors[0]) / max(1, last)
    return float(anchors[-1]) + period * (beat - last)


def _changes(moments: Sequence[float], beats: Sequence[float]) -> tuple[TempoEvent, ...]:
    """Return a tempo change for each stretch between `moments`, `beats` long."""
    changes: list[TempoEvent] = []
    tick, second = 0, 0.0
    for moment, count in zip(moments[1:], beats, strict=True):
        beat = _beat((moment - second) / count)
        changes.append(TempoEvent(tick, second, beat))
        tick += round(count * TICKS_PER_BEAT)
        # The actual end of the stretch with its rounded tempo.
        second += float(count) * beat / _MICRO
    return tuple(changes)


def _beat(seconds: float) -> int:
    return int(np.clip(round(seconds * _MICRO), 1, _LONGEST))
