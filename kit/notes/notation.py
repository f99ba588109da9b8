"""Properties of notes as files and the API show them: names, velocities, bends."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from contracts.midi import Note
from kit.notes.assembly import NoteEvent

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# A note that deviates by less than this, in semitones, most of the time is written without bends,
# which would only fill the file.
_STRAIGHT = 0.12
_STRAIGHT_PERCENTILE = 80
_VELOCITY_AT_MEDIAN = 80
_VELOCITY_PER_DB = 2.5
_SOFTEST = 20


def name_of(pitch: int) -> str:
    """Return the name of a MIDI note; 60 is C4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def median_level(notes: Sequence[NoteEvent]) -> float:
    """Return the median level of notes in dB; 0 without notes."""
    return float(np.median([note.level for note in notes])) if notes else 0.0


def velocity_of(note: NoteEvent, median: float) -> int:
    """Return the velocity of a note, 20 to 127, by its level relative to a median level in dB."""
    velocity = _VELOCITY_AT_MEDIAN + _VELOCITY_PER_DB * (note.level - median)
    return int(np.clip(round(velocity), _SOFTEST, 127))


def strays(note: NoteEvent) -> bool:
    """Return whether a note leaves its pitch far enough that its bends are written."""
    return len(note.bends) > 0 and bool(
        np.percentile(np.abs(note.bends), _STRAIGHT_PERCENTILE) >= _STRAIGHT
    )


def retuned(note: NoteEvent, semitones: float, factor: float) -> NoteEvent:
    """Undo the retuning of a note: bend it by `semitones` and stretch its times by `factor`."""
    if semitones == 0.0:
        return note
    bends = note.bends
    if bends.size:
        # Bends stay one frame apart, relative to the pitch at A = 440 Hz.
        at = np.arange(max(1, round(bends.size * factor))) / factor
        bends = np.interp(at, np.arange(bends.size), bends + semitones).astype(np.float32)
    return replace(note, start=note.start * factor, end=note.end * factor, bends=bends)


def to_note(note: NoteEvent, *, median: float) -> Note:
    """Return a note as `notes.json` holds it; bends only where it strays from its pitch."""
    bends = np.clip(note.bends, -2, 2).tolist() if strays(note) else []
    return Note(
        start=round(note.start, 4),
        end=round(note.end, 4),
        pitch=note.pitch,
        name=name_of(note.pitch),
        velocity=velocity_of(note, median),
        confidence=round(min(max(note.confidence, 0.0), 1.0), 3),
        bends=tuple(round(bend, 2) for bend in bends),
    )
