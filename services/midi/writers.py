"""Write notes as a Standard MIDI File, as JSON and as CSV."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import mido

from contracts.midi import Notes, PedalPress
from contracts.tagging import SoundClass
from kit.notes.assembly import NoteEvent
from kit.notes.notation import median_level, name_of, strays, velocity_of
from kit.notes.partials import FRAME
from kit.notes.pedals import SUSTAIN, pedal_moves
from kit.signal.tempo_grid import TICKS_PER_BEAT, Grid

BEND_RANGE = 2
"""Pitch bend range in semitones, set on every channel."""
DRUM_CHANNEL = 9
"""MIDI channel 10, counted from 0."""
CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
"""Channels for pitched instruments."""
_FULL_BEND = 8192
_BEND_STEP = 0.04


@dataclass(frozen=True, slots=True)
class Played:
    """A note with `velocity` 1 to 127 and `channel` 0 to 15."""

    note: NoteEvent
    velocity: int
    channel: int
    bent: bool
    name: str = ""
    """Name of a drum; empty for a pitch."""
    sound: SoundClass | None = None
    """Tagged class of a drum."""


@dataclass(frozen=True, slots=True)
class MidiTrack:
    """One track of a file."""

    name: str
    played: Sequence[Played]
    program: int
    """General MIDI instrument, from 0, of every channel in use."""
    pedals: Sequence[PedalPress] = ()
    """When the sustain pedal is down, on every channel in use."""


def play(notes: Sequence[NoteEvent], *, pitch_bends: bool) -> list[Played]:
    """Assign a velocity and a channel to each note.

    Parameters
    ----------
    notes
        In any order.
    pitch_bends
        See `spread`.

    Returns
    -------
    list
        In order of time. Velocities follow the notes' levels relative to their median, because
        absolute loudness is unknown.
    """
    median = median_level(notes)
    velocities = [velocity_of(note, median) for note in notes]
    return spread(list(zip(notes, velocities, strict=True)), CHANNELS, pitch_bends=pitch_bends)


def spread(
    notes: Sequence[tuple[NoteEvent, int]], channels: Sequence[int], *, pitch_bends: bool
) -> list[Played]:
    """Assign a channel to each note.

    Parameters
    ----------
    notes
        Notes with their velocities, in any order.
    channels
        At least one.
    pitch_bends
        Whether notes may bend. A bend affects a whole channel, so simultaneous notes then get
        separate channels while there are any; further notes do not bend. Without bends all notes
        use the first channel.

    Returns
    -------
    list
        In order of time.
    """
    free_from = dict.fromkeys(channels, -1.0)
    bent_until = dict.fromkeys(channels, -1.0)
    played = []
    for note, velocity in sorted(notes, key=lambda pair: (pair[0].start, pair[0].pitch)):
        channel, bent = channels[0], False
        if pitch_bends:
            empty = [c for c in channels if free_from[c] <= note.start]
            channel = empty[0] if empty else min(channels, key=lambda c: bent_until[c])
            bent = bool(empty) and strays(note)
            free_from[channel] = max(free_from[channel], note.end)
            bent_until[channel] = note.end if bent else bent_until[channel]
        played.append(Played(note, velocity, channel, bent))
    return played


def _bend_of(semitones: float) -> int:
    full = round(semitones / BEND_RANGE * _FULL_BEND)
    return max(-_FULL_BEND, min(_FULL_BEND - 1, full))


def _events(played: Sequence[Played], grid: Grid) -> Iterator[tuple[int, int, mido.Message]]:
    """Yield (tick, order within the tick, message)."""
    for item in played:
        note, channel = item.note, item.channel
        start = round(grid.ticks(note.start))
        # A note of length 0 would start after its end.
        end = max(round(grid.ticks(note.end)), start + 1)
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=item.velocity)
        off = mido.Message("note_off", channel=channel, note=note.pitch, velocity=0)
        yield end, 0, off
        yield start, 3, on
        if not item.bent:
            continue
        yield end, 1, mido.Message("pitchwheel", channel=channel, pitch=0)
        last = 0.0
        for index, semitones in enumerate(note.bends.tolist()):
            tick = max(start, round(grid.ticks(note.start + index * FRAME)))
            if tick < end and abs(semitones - last) >= _BEND_STEP:
                last = semitones
                message = mido.Message("pitchwheel", channel=channel, pitch=_bend_of(semitones))
                yield tick, 2, message


def _pedal_events(part: MidiTrack, grid: Grid) -> Iterator[tuple[int, int, mido.Message]]:
    for channel in sorted({item.channel for item in part.played}):
        for tick, order, value in pedal_moves(part.pedals, grid):
            message = mido.Message("control_change", channel=channel, control=SUSTAIN, value=value)
            yield tick, order, message


def write_midi(
    path: Path, parts: Sequence[MidiTrack], grid: Grid, *, markers: Sequence[tuple[float, str]] = ()
) -> None:
    """Write a Standard MIDI File of type 1: a tempo track, and a track for each part.

    Parameters
    ----------
    path
        Output file.
    parts
        In track order.
    grid
        Tempo map and meter.
    markers
        Times in seconds, and texts.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    conductor: list[tuple[int, int, mido.Message]] = [
        (change.tick, 0, mido.MetaMessage("set_tempo", tempo=change.beat))
        for change in grid.changes
    ]
    conductor += [
        (tick, 1, mido.MetaMessage("time_signature", numerator=beats, denominator=note))
        for tick, beats, note in grid.meters
    ]
    for seconds, text in markers:
        conductor.append((round(grid.ticks(seconds)), 2, mido.MetaMessage("marker", text=text)))
    file.tracks.append(_track((), conductor))
    for part in parts:
        head = [mido.MetaMessage("track_name", name=part.name), *_setup(part)]
        events = chain(_events(part.played, grid), _pedal_events(part, grid))
        file.tracks.append(_track(head, events))
    file.save(path)


def _setup(part: MidiTrack) -> Iterator[mido.Message]:
    """Yield the setup messages of each channel of a part: bend range and program."""
    for channel in sorted({item.channel for item in part.played}):
        if channel != DRUM_CHANNEL:
            # Registered parameter 0 is the bend range; 127/127 deselects it.
            for control, value in (
                (101, 0),
                (100, 0),
                (6, BEND_RANGE),
                (38, 0),
                (101, 127),
                (100, 127),
            ):
                yield mido.Message("control_change", channel=channel, control=control, value=value)
        yield mido.Message("program_change", channel=channel, program=part.program)


def _track(
    head: Iterable[mido.Message], events: Iterable[tuple[int, int, mido.Message]]
) -> mido.MidiTrack:
    """Return a track of initial messages and events in order, with delta times."""
    track = mido.MidiTrack(head)
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        message.time = tick - now
        track.append(message)
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=0))
    return track


def write_json(path: Path, played: Sequence[Played], head: Notes) -> None:
    """Write all fields of each note as JSON, after the common fields of `head`."""
    header = head.model_dump_json(exclude={"notes"})
    with path.open("w", encoding="utf-8") as file:
        file.write(header[:-1] + ',"notes":[')
        for index, item in enumerate(played):
            note = item.note
            content: dict[str, object] = {
                "start": round(note.start, 4),
                "end": round(note.end, 4),
                "pitch": note.pitch,
                "name": item.name or name_of(note.pitch),
                "velocity": item.velocity,
                "confidence": round(note.confidence, 3),
                "bends": [round(bend, 2) for bend in note.bends.tolist()] if item.bent else [],
            }
            if item.sound is not None:
                content["sound"] = item.sound.value
            file.write((",\n" if index else "\n") + json.dumps(content))
        file.write("\n]}\n")


def write_csv(path: Path, played: Sequence[Played]) -> None:
    """Write the notes as CSV; no cell begins like a formula."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["start_s", "end_s", "pitch", "name", "velocity", "confidence"])
        for item in played:
            note = item.note
            row: list[object] = [f"{note.start:.4f}", f"{note.end:.4f}", note.pitch]
            row += [item.name or name_of(note.pitch), item.velocity, f"{note.confidence:.3f}"]
            table.writerow(row)
