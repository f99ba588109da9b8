"""Arrange the notes of a song's stems as the parts of one MIDI file, on the song's beats."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contracts.analysis import Analysis
from contracts.midi import Notes
from contracts.music import SCORE_ORDER, Stem
from kit.notes.assembly import NoteEvent
from kit.notes.midi_file import CHANNELS, DRUM_CHANNEL
from services.midi.writers import MidiTrack, Played, spread

_MAX_PARTS = len(CHANNELS)


@dataclass(frozen=True, slots=True)
class StemNotes:
    """The notes of one stem."""

    notes: Notes
    stem: Stem | None

    @property
    def drums(self) -> bool:
        """Whether they are drum notes."""
        return self.notes.program is None


class TooManyParts(ValueError):
    """There are more instruments than MIDI channels."""


def arrange(stems: Sequence[StemNotes], *, pitch_bends: bool) -> list[tuple[StemNotes, MidiTrack]]:
    """Assign the notes of stems to parts and MIDI channels.

    Parameters
    ----------
    stems
        Notes of stems; empty ones are left out. A stem may occur several times.
    pitch_bends
        Whether notes may bend. The 15 instrument channels are then split evenly between the parts.

    Returns
    -------
    list
        In score order: voices first, drums last.

    Raises
    ------
    TooManyParts
        There are more than 15 parts besides drums.
    """
    ordered = sorted((stem_notes for stem_notes in stems if stem_notes.notes.notes), key=_place)
    pitched = [stem_notes for stem_notes in ordered if not stem_notes.drums]
    if len(pitched) > _MAX_PARTS:
        raise TooManyParts(
            f"MIDI has channels for {_MAX_PARTS} instruments, but this job has {len(pitched)}"
        )
    share = len(CHANNELS) // max(1, len(pitched))
    parts: list[tuple[StemNotes, MidiTrack]] = []
    names: dict[str, int] = {}
    for stem_notes in ordered:
        base = _name(stem_notes)
        names[base] = names.get(base, 0) + 1
        name = base if names[base] == 1 else f"{base} {names[base]}"
        if stem_notes.drums:
            parts.append((stem_notes, MidiTrack(name, _drum_notes(stem_notes.notes), 0)))
            continue
        first = share * [id(other) for other in pitched].index(id(stem_notes))
        own = CHANNELS[first : first + share]
        played = spread(_note_events(stem_notes.notes), own, pitch_bends=pitch_bends)
        program = stem_notes.notes.program or 0
        part = MidiTrack(name, played, program, stem_notes.notes.pedals)
        parts.append((stem_notes, part))
    return parts


def markers_of(analysis: Analysis | None) -> list[tuple[float, str]]:
    """Return the start in seconds and the label of each section."""
    if analysis is None:
        return []
    return [(section.start, section.label) for section in analysis.sections]


def _place(stem_notes: StemNotes) -> tuple[int, bool]:
    place = (
        SCORE_ORDER.index(stem_notes.stem)
        if stem_notes.stem in SCORE_ORDER
        else len(SCORE_ORDER) - 2
    )
    return place, stem_notes.drums


def _name(stem_notes: StemNotes) -> str:
    if stem_notes.drums:
        return "Drums"
    return stem_notes.stem.value.capitalize() if stem_notes.stem else "Notes"


def _note_events(notes: Notes) -> list[tuple[NoteEvent, int]]:
    return [
        (
            NoteEvent(
                note.start,
                note.end,
                note.pitch,
                note.confidence,
                0.0,
                np.array(note.bends, np.float32),
            ),
            note.velocity,
        )
        for note in notes.notes
    ]


def _drum_notes(notes: Notes) -> list[Played]:
    return [
        Played(note, velocity, DRUM_CHANNEL, bent=False) for note, velocity in _note_events(notes)
    ]
