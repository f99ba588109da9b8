"""Notes at other thresholds."""

from cratedig.types.base import Answer
from cratedig.types.catalogue import Stem


class DecodedNote(Answer):
    """A note: times in seconds, MIDI pitch, velocity 1 to 127; `bends` in semitones."""

    start: float
    end: float
    pitch: int
    name: str
    velocity: int
    confidence: float
    bends: tuple[float, ...] = ()
    sound: str | None = None


class NoteThresholds(Answer):
    """The thresholds of note detection; `shortest` in milliseconds."""

    onset: float
    note: float
    shortest: float


class DecodedNotes(Answer):
    """Notes at `thresholds`; those of the item's `notes.json` were made at `machine`.

    `tracker` is `monophonic` or `polyphonic`: the one that wrote the item's notes. `bends` of a
    note are `bend_interval` seconds apart.
    """

    stem: Stem | None = None
    tracker: str = "polyphonic"
    thresholds: NoteThresholds
    machine: NoteThresholds
    start: float
    end: float
    bend_interval: float
    notes: tuple[DecodedNote, ...]
