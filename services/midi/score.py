"""Notes as files: a MIDI file that any program opens, JSON with everything, CSV for a table."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from services.midi.partials import FRAME
from services.midi.stream import Note

TICKS_PER_BEAT = 960
DEFAULT_TEMPO = 120.0
BEND_RANGE = 2
"""Semitones that a full bend means; every channel is told."""
_FULL_BEND = 8192
_DRUM_CHANNEL = 9
_CHANNELS = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# A note that strays less than this for most of its time is in tune: bending it would only fill
# the file.
_STRAIGHT = 0.12
_MOST = 80
_BEND_STEP = 0.04
_VELOCITY_AT_MEDIAN = 80
_VELOCITY_PER_DB = 2.5
_SOFTEST = 20


@dataclass(frozen=True, slots=True)
class Played:
    """A note as it is written: `velocity` 1 to 127, `channel` 0 to 15."""

    note: Note
    velocity: int
    channel: int
    bent: bool


def name_of(pitch: int) -> str:
    """Return a note's name; 60 is C4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def play(notes: Sequence[Note], *, pitch_bends: bool) -> list[Played]:
    """Give each note a velocity and a channel.

    Parameters
    ----------
    notes
        In any order.
    pitch_bends
        Whether notes may bend. A bend moves a whole channel, so notes that sound together then get
        channels of their own, as far as the 15 melodic ones go; a note beyond these does not bend.
        Without bends all notes lie on channel 0.

    Returns
    -------
    list
        In order of time. Velocities follow the notes' levels around their median: loudness of the
        recording itself is not known.
    """
    ordered = sorted(notes, key=lambda n: (n.start, n.pitch))
    median = float(np.median([note.level for note in ordered])) if ordered else 0.0
    free_from = dict.fromkeys(_CHANNELS, -1.0)
    bent_until = dict.fromkeys(_CHANNELS, -1.0)
    played = []
    for note in ordered:
        loud = _VELOCITY_AT_MEDIAN + _VELOCITY_PER_DB * (note.level - median)
        velocity = int(np.clip(round(loud), _SOFTEST, 127))
        channel, bent = _CHANNELS[0], False
        if pitch_bends:
            empty = [c for c in _CHANNELS if free_from[c] <= note.start]
            channel = empty[0] if empty else min(_CHANNELS, key=lambda c: bent_until[c])
            bent = bool(empty) and _strays(note)
            free_from[channel] = max(free_from[channel], note.end)
            bent_until[channel] = note.end if bent else bent_until[channel]
        played.append(Played(note, velocity, channel, bent))
    return played


def _strays(note: Note) -> bool:
    return len(note.bends) > 0 and bool(np.percentile(np.abs(note.bends), _MOST) >= _STRAIGHT)


def _bend_of(semitones: float) -> int:
    full = round(semitones / BEND_RANGE * _FULL_BEND)
    return max(-_FULL_BEND, min(_FULL_BEND - 1, full))


def _events(played: Sequence[Played], tempo: float) -> Iterator[tuple[int, int, mido.Message]]:
    """Yield (tick, order within the tick, message)."""
    ticks_per_second = TICKS_PER_BEAT * tempo / 60
    for item in played:
        note, channel = item.note, item.channel
        start = round(note.start * ticks_per_second)
        # A note of no length would start after it has ended.
        end = max(round(note.end * ticks_per_second), start + 1)
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=item.velocity)
        off = mido.Message("note_off", channel=channel, note=note.pitch, velocity=0)
        yield end, 0, off
        yield start, 3, on
        if not item.bent:
            continue
        yield end, 1, mido.Message("pitchwheel", channel=channel, pitch=0)
        last = 0.0
        for index, semitones in enumerate(note.bends.tolist()):
            tick = start + round(index * FRAME * ticks_per_second)
            if tick < end and abs(semitones - last) >= _BEND_STEP:
                last = semitones
                message = mido.Message("pitchwheel", channel=channel, pitch=_bend_of(semitones))
                yield tick, 2, message


def write_midi(path: Path, played: Sequence[Played], *, tempo: float, program: int) -> None:
    """Write a Standard MIDI File of type 1: a track of tempo, a track of notes.

    Parameters
    ----------
    path
        Where to.
    played
        From `play`.
    tempo
        Beats a minute of the time grid.
    program
        General MIDI instrument, from 0, of every channel in use.
    """
    grid = mido.MidiTrack()
    grid.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo), time=0))
    grid.append(mido.MetaMessage("time_signature", numerator=4, denominator=4, time=0))
    grid.append(mido.MetaMessage("end_of_track", time=0))
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name="Notes", time=0))
    for channel in sorted({item.channel for item in played}):
        # Registered parameter 0 is the bend's range; 127/127 closes it again.
        for control, value in (
            (101, 0),
            (100, 0),
            (6, BEND_RANGE),
            (38, 0),
            (101, 127),
            (100, 127),
        ):
            track.append(
                mido.Message("control_change", channel=channel, control=control, value=value)
            )
        track.append(mido.Message("program_change", channel=channel, program=program))
    now = 0
    for tick, _, message in sorted(_events(played, tempo), key=lambda event: event[:2]):
        message.time = tick - now
        track.append(message)
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=0))
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks += [grid, track]
    file.save(path)


def write_json(path: Path, played: Sequence[Played], *, tempo: float, tempo_known: bool) -> None:
    """Write all that is known of each note; bends are in semitones, one every `bend_interval`."""
    head = {
        "format": "cratedig.notes",
        "version": 1,
        "tempo": tempo,
        "tempo_known": tempo_known,
        "bend_interval": FRAME,
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1] + ', "notes": [')
        for index, item in enumerate(played):
            note = item.note
            content = {
                "start": round(note.start, 4),
                "end": round(note.end, 4),
                "pitch": note.pitch,
                "name": name_of(note.pitch),
                "velocity": item.velocity,
                "confidence": round(note.confidence, 3),
                "bends": [round(bend, 2) for bend in note.bends.tolist()] if item.bent else [],
            }
            file.write((",\n" if index else "\n") + json.dumps(content))
        file.write("\n]}\n")


def write_csv(path: Path, played: Sequence[Played]) -> None:
    """Write a table of the notes; no cell begins like a formula."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["start_s", "end_s", "pitch", "name", "velocity", "confidence"])
        for item in played:
            note = item.note
            row = [f"{note.start:.4f}", f"{note.end:.4f}", note.pitch, name_of(note.pitch)]
            table.writerow([*row, item.velocity, f"{note.confidence:.3f}"])
