"""Tracks of Standard MIDI Files: notes with their bends, pedals, tempo, metre and markers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import mido

from contracts.midi import PedalPress
from kit.signal.tempo_grid import Grid

DRUM_CHANNEL = 9
"""MIDI channel 10, counted from 0."""
CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
"""Channels for pitched instruments."""
BEND_RANGE = 2
"""Pitch bend range in semitones, set on every channel."""
TimedMessage = tuple[int, int, mido.Message]
"""Tick, order within the tick, message."""

_FULL_BEND = 8192
_BEND_STEP = 0.04
"""Semitones by which a bend changes at least before it is written again."""
_SUSTAIN = 64
"""The controller of the sustain pedal."""
# Within a tick what ends comes before what starts; the pedal goes down behind the notes' starts.
_ENDS, _BEND_ENDS, _BENDS, _STARTS, _PEDAL_DOWN = range(5)


@dataclass(frozen=True, slots=True)
class PlacedNote:
    """A note on a channel (0 to 15): seconds, MIDI pitch, and velocity from 1 to 127."""

    start: float
    end: float
    pitch: int
    velocity: int
    channel: int
    bends: Sequence[float] = ()
    """Semitones from the pitch, at regular times from the start on; empty if it does not bend."""


def assign_channels(
    notes: Iterable[tuple[float, float, bool]], channels: Sequence[int], *, pitch_bends: bool
) -> list[tuple[int, bool]]:
    """Return the channel of each note, and whether it bends there.

    Parameters
    ----------
    notes
        Start and end in seconds and whether the note has bends, in order of time.
    channels
        At least one.
    pitch_bends
        Whether notes may bend. A bend affects a whole channel, so simultaneous notes then get
        separate channels while there are any; further notes do not bend. Without bends all notes
        use the first channel.
    """
    free_from = dict.fromkeys(channels, -1.0)
    bent_until = dict.fromkeys(channels, -1.0)
    assigned = []
    for start, end, bends in notes:
        channel, bent = channels[0], False
        if pitch_bends:
            free = [each for each in channels if free_from[each] <= start]
            channel = free[0] if free else min(channels, key=lambda each: bent_until[each])
            bent = bool(free) and bends
            free_from[channel] = max(free_from[channel], end)
            bent_until[channel] = end if bent else bent_until[channel]
        assigned.append((channel, bent))
    return assigned


def note_track(
    name: str,
    notes: Sequence[PlacedNote],
    grid: Grid,
    *,
    program: int,
    bend_interval: float,
    pedals: Sequence[PedalPress] = (),
) -> mido.MidiTrack:
    """Return a track of notes, with the setup and the pedal of each channel that they use.

    Parameters
    ----------
    name
        The name of the track.
    notes
        In any order.
    grid
        Tempo map and metre.
    program
        General MIDI program, from 0, of each channel.
    bend_interval
        Seconds between two bends of a note.
    pedals
        When the sustain pedal is down.
    """
    channels = sorted({note.channel for note in notes})
    head = [mido.MetaMessage("track_name", name=name), *_setup(channels, program)]
    events = chain(
        _note_events(notes, grid, bend_interval=bend_interval),
        _pedal_events(pedals, channels, grid),
    )
    return track_of(head, events)


def _note_events(
    notes: Iterable[PlacedNote], grid: Grid, *, bend_interval: float
) -> Iterator[TimedMessage]:
    """Yield the events of notes; `bend_interval` are the seconds between two of their bends."""
    for note in notes:
        channel, start = note.channel, tick_of(grid, note.start)
        # A note of length 0 would start after its end.
        end = max(tick_of(grid, note.end), start + 1)
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        yield start, _STARTS, on
        yield end, _ENDS, mido.Message("note_off", channel=channel, note=note.pitch, velocity=0)
        if not note.bends:
            continue
        yield end, _BEND_ENDS, mido.Message("pitchwheel", channel=channel, pitch=0)
        last = 0.0
        for number, semitones in enumerate(note.bends):
            tick = max(start, tick_of(grid, note.start + number * bend_interval))
            if tick < end and abs(semitones - last) >= _BEND_STEP:
                last = semitones
                bend = mido.Message("pitchwheel", channel=channel, pitch=_bend_of(semitones))
                yield tick, _BENDS, bend


def _pedal_events(
    pedals: Sequence[PedalPress], channels: Iterable[int], grid: Grid
) -> Iterator[TimedMessage]:
    """Yield the moves of the sustain pedal on each channel; it stays down for a tick at least."""
    for channel in channels:
        for press in pedals:
            down = tick_of(grid, press.start)
            up = max(tick_of(grid, press.end), down + 1)
            for tick, order, value in ((down, _PEDAL_DOWN, 127), (up, _ENDS, 0)):
                move = mido.Message(
                    "control_change", channel=channel, control=_SUSTAIN, value=value
                )
                yield tick, order, move


def _setup(channels: Iterable[int], program: int) -> Iterator[mido.Message]:
    """Yield the bend range and the General MIDI program, from 0, of channels; drums do not bend."""
    # Registered parameter 0 is the bend range; 127/127 deselects it.
    bend_range = ((101, 0), (100, 0), (6, BEND_RANGE), (38, 0), (101, 127), (100, 127))
    for channel in channels:
        for control, value in () if channel == DRUM_CHANNEL else bend_range:
            yield mido.Message("control_change", channel=channel, control=control, value=value)
        yield mido.Message("program_change", channel=channel, program=program)


def conductor(grid: Grid, markers: Sequence[tuple[float, str]]) -> Iterator[TimedMessage]:
    """Yield tempo and metre of a grid, and markers at their seconds."""
    for change in grid.changes:
        yield change.tick, 0, mido.MetaMessage("set_tempo", tempo=change.beat)
    for tick, beats, note in grid.meters:
        yield tick, 1, mido.MetaMessage("time_signature", numerator=beats, denominator=note)
    for seconds, text in markers:
        yield tick_of(grid, seconds), 2, mido.MetaMessage("marker", text=text)


def track_of(
    head: Iterable[mido.Message], events: Iterable[TimedMessage], *, end: int = 0
) -> mido.MidiTrack:
    """Return a track of initial messages and events in order, with delta times.

    It ends at the tick `end`, or with its last event if that is later.
    """
    track = mido.MidiTrack(head)
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        message.time = tick - now
        track.append(message)
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, end - now)))
    return track


def tick_of(grid: Grid, seconds: float) -> int:
    """Return the tick of a time."""
    return max(0, round(grid.ticks(seconds)))


def _bend_of(semitones: float) -> int:
    full = round(semitones / BEND_RANGE * _FULL_BEND)
    return max(-_FULL_BEND, min(_FULL_BEND - 1, full))
