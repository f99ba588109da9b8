"""Markers of a song: the sections of its form, as text and for DAWs."""

import math
from collections.abc import Sequence

from kit.csv_sheet import csv_lines
from kit.signal.tempo_grid import TICKS_PER_BEAT, Grid
from services.export.bundle import Song

Marker = tuple[float, str]
"""A position in seconds and a name."""


def song_markers(song: Song) -> list[Marker]:
    """Return the start and the name of each section: `A`, `B`, `A 2` for the second `A` …"""
    counts: dict[str, int] = {}
    markers = []
    for section in song.sections:
        counts[section.label] = count = counts.get(section.label, 0) + 1
        name = section.label if count == 1 else f"{section.label} {count}"
        markers.append((section.start, name))
    return markers


def marker_csv(markers: Sequence[Marker], song: Song) -> str:
    """Return markers as a table of seconds, bars and names."""
    rows: list[tuple[object, ...]] = [("start_s", "bar", "name")]
    rows += [(f"{seconds:.3f}", bar_of(song.grid, seconds), name) for seconds, name in markers]
    return csv_lines(rows)


def bar_of(grid: Grid, seconds: float) -> int:
    """Return the number of the bar at a time, up to half a beat early; the first bar is 1."""
    pickup = float(grid.pickup)
    beats = grid.ticks(seconds) / TICKS_PER_BEAT - pickup
    bars = math.floor((beats + 0.5) / grid.beats_per_bar)
    return bars + (2 if pickup else 1)
