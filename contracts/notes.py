"""Notes read again from stored posteriors, with other thresholds."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Message
from contracts.midi import Note, Tracker
from contracts.music import Seconds, Stem

MIN_NOTE_THRESHOLD, MAX_NOTE_THRESHOLD = 0.2, 0.95
"""The range of both thresholds. Lower posteriors are not stored."""
MAX_NOTES_SECONDS = 1200.0
"""The longest range that is read at once."""

NoteThreshold = Annotated[
    float, Field(ge=MIN_NOTE_THRESHOLD, le=MAX_NOTE_THRESHOLD, allow_inf_nan=False)
]
ShortestNote = Annotated[float, Field(ge=10, le=2000, allow_inf_nan=False)]


class NoteThresholds(Message):
    """The thresholds of note detection.

    The monophonic tracker uses them too, with its pitch curve: `onset` is the confidence from which
    an onset divides notes, and `note` the confidence from which a pitch has support.
    """

    onset: float
    """Minimum confidence of an onset; `onset_threshold` of `midi`."""
    note: float
    """Minimum confidence of a sounding note; `frame_threshold` of `midi`."""
    shortest: float
    """Shortest note in milliseconds; `minimum_note_ms` of `midi`."""


class DecodedNotes(Message):
    """Notes of an item or of one of its stems, at the thresholds of a request."""

    stem: Stem | None = None
    tracker: Literal[Tracker.MONOPHONIC, Tracker.POLYPHONIC] = Tracker.POLYPHONIC
    """The tracker that wrote the item's notes, and reads these."""
    thresholds: NoteThresholds
    """Those that made these notes."""
    machine: NoteThresholds
    """Those of the job that made the notes of `notes.json`."""
    start: Seconds
    """The notes begin from here on."""
    end: Seconds
    """The notes begin before here."""
    bend_interval: Seconds
    notes: tuple[Note, ...]
    """In order of their starts; like a corrected lane of notes."""
