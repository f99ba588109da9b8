"""Write the groove of a kit as a MIDI clip."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mido

from kit.signal.tempo_grid import DEFAULT_TEMPO, TICKS_PER_BEAT, Grid, even
from services.export.bundle import Kit

_DRUM_CHANNEL = 9
"""MIDI channel 10, counted from 0."""


def write_groove(path: Path, kit: Kit) -> None:
    """Write a kit's groove as a Standard MIDI File of type 0, at the kit's tempo.

    Parameters
    ----------
    path
        Output file.
    kit
        With a groove. Starts are rounded to 1/960 of a beat and velocities are kept. The clip is
        `bars` long, or as many bars as its notes begin in. A note ends at the latest where the next
        one of its pad begins, because MIDI cannot say which of two equal notes ends.
    """
    grid = replace(even(kit.bpm or DEFAULT_TEMPO), beats_per_bar=kit.beats_per_bar)
    track = mido.MidiTrack(
        [
            mido.MetaMessage("track_name", name=kit.name.encode("ascii", "replace").decode()),
            mido.MetaMessage("set_tempo", tempo=grid.changes[0].beat),
            mido.MetaMessage("time_signature", numerator=kit.beats_per_bar, denominator=4),
        ]
    )
    now = 0
    for tick, _, message in sorted(_events(kit, grid), key=lambda event: event[:2]):
        message.time = tick - now
        track.append(message)
        now = tick
    bar = kit.beats_per_bar * TICKS_PER_BEAT
    begun = max((round(grid.ticks(note.start)) // bar + 1 for note in kit.groove), default=1)
    end = max(now, (kit.bars or begun) * bar)
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT, tracks=[track]).save(path)


def _events(kit: Kit, grid: Grid) -> Iterator[tuple[int, int, mido.Message]]:
    """Yield (tick, order within the tick, message)."""
    next_start: dict[int, int] = {}
    for note in sorted(kit.groove, key=lambda note: (note.start, note.end), reverse=True):
        start = round(grid.ticks(note.start))
        following = next_start.get(note.pitch)
        if start == following:
            # Two hits of one pad at once are one to MIDI: the longer one stays.
            continue
        end = max(start + 1, round(grid.ticks(note.end)))
        end = end if following is None else min(end, following)
        next_start[note.pitch] = start
        fields = {"channel": _DRUM_CHANNEL, "note": note.pitch}
        yield start, 1, mido.Message("note_on", velocity=note.velocity, **fields)
        yield end, 0, mido.Message("note_off", velocity=0, **fields)
