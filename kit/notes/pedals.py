"""The sustain pedal in MIDI files."""

from collections.abc import Iterator, Sequence

from contracts.midi import PedalPress
from kit.signal.tempo_grid import Grid

SUSTAIN = 64
"""The controller of the sustain pedal."""
_UP, _DOWN = 0, 127
_BEFORE_NOTES, _AFTER_NOTES = 0, 4


def pedal_moves(pedals: Sequence[PedalPress], grid: Grid) -> Iterator[tuple[int, int, int]]:
    """Yield the values of the controller: (tick, order within the tick, value).

    The pedal goes up with the ends of the notes of a tick (order 0), and down after their starts
    (order 4, behind 1 to 3 for bends and starts). It stays down for a tick at least.
    """
    for press in pedals:
        down = round(grid.ticks(press.start))
        yield down, _AFTER_NOTES, _DOWN
        yield max(round(grid.ticks(press.end)), down + 1), _BEFORE_NOTES, _UP
