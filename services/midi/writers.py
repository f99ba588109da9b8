"""Write notes as a Standard MIDI File, as JSON and as CSV."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido

from contracts.midi import Notes, PedalPress
from contracts.tagging import SoundClass
from kit.notes.assembly import NoteEvent
from kit.notes.midi_file import (
    CHANNELS,
    PlacedNote,
    assign_channels,
    conductor,
    note_track,
    track_of,
)
from kit.notes.notation import median_level, name_of, strays, velocity_of
from kit.notes.partials import FRAME
from kit.signal.tempo_grid import TICKS_PER_BEAT, Grid


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
        Whether notes may bend; see `assign_channels`.

    Returns
    -------
    list
        In order of time.
    """
    ordered = sorted(notes, key=lambda pair: (pair[0].start, pair[0].pitch))
    spans = [(note.start, note.end, strays(note)) for note, _ in ordered]
    assigned = assign_channels(spans, channels, pitch_bends=pitch_bends)
    return [
        Played(note, velocity, channel, bent)
        for (note, velocity), (channel, bent) in zip(ordered, assigned, strict=True)
    ]


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
    file.tracks.append(track_of((), conductor(grid, markers)))
    for part in parts:
        notes = list(map(_placed, part.played))
        track = note_track(
            part.name,
            notes,
            grid,
            program=part.program,
            bend_interval=FRAME,
            pedals=part.pedals,
        )
        file.tracks.append(track)
    file.save(path)


def _placed(item: Played) -> PlacedNote:
    note = item.note
    bends = note.bends.tolist() if item.bent else ()
    return PlacedNote(note.start, note.end, note.pitch, item.velocity, item.channel, bends)


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
