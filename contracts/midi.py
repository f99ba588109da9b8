"""`midi`: the notes of a recording, the hits of a drum stem, or the score of a whole song."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.base import Message, StrictModel
from contracts.music import Bpm, Confidence, Hertz, MidiNote, Seconds, Stem, Velocity
from contracts.tagging import SoundClass

Program = Annotated[int, Field(ge=0, le=127)]
"""A General MIDI program, counted from 0: 0 is a grand piano, 33 a fingered bass."""


class MidiParams(StrictModel):
    """What to listen for."""

    onset_threshold: Annotated[float, Field(ge=0.1, le=0.95, allow_inf_nan=False)] = 0.55
    """How sure a struck note must be; lower finds more notes, and more wrong ones."""
    frame_threshold: Annotated[float, Field(ge=0.05, le=0.95, allow_inf_nan=False)] = 0.3
    """How sure a note must be to go on sounding."""
    minimum_note_ms: Annotated[float, Field(ge=10, le=2000, allow_inf_nan=False)] = 58.0
    """Shorter notes are left out."""
    minimum_frequency: Hertz | None = None
    """Lower notes are left out."""
    maximum_frequency: Hertz | None = None
    """Higher notes are left out."""
    melodia_trick: bool = True
    """Also take what sounds long and clearly without having been struck."""
    pitch_bends: bool = True
    """Follow vibrato and slides; notes that sound together then lie on channels of their own."""
    drums_of_mixtures: bool = False
    """Also write the drums of slices that were not cut from a drum stem, such as those of an
    accompaniment: most of such notes are wrong."""
    program: Program | None = None
    """Instrument of the file; by default the one that suits the stem, else a piano."""

    @model_validator(mode="after")
    def _range_holds_a_note(self) -> Self:
        low, high = self.minimum_frequency, self.maximum_frequency
        if low is not None and high is not None and low >= high:
            raise ValueError("minimum_frequency must be below maximum_frequency")
        return self


class MidiMode(StrEnum):
    """What was written down; the kind of the inputs decides."""

    NOTES = "notes"
    """The pitches of a recording."""
    DRUMS = "drums"
    """The hits of a sliced recording, by the classes that its slices were tagged with."""
    SONG = "song"
    """The notes of several stems as one file."""


class Note(Message):
    """One note."""

    start: Seconds
    end: Seconds
    pitch: MidiNote
    name: str
    """`C4` is middle C; of a drum, what General MIDI calls it."""
    velocity: Velocity
    confidence: Confidence
    bends: tuple[Annotated[float, Field(ge=-2, le=2)], ...] = ()
    """Semitones from `pitch`, one every `bend_interval`; empty where it stays in tune."""
    sound: SoundClass | None = None
    """Only of drums: what the hit was tagged as, `unknown` included."""


class Notes(Message):
    """Everything that is known of each note: the content of `notes.json`."""

    format: Literal["cratedig.notes"] = "cratedig.notes"
    version: Literal[1] = 1
    tempo: Bpm
    """Tempo of the file's time grid."""
    tempo_known: bool
    bend_interval: Seconds
    program: Program | None = None
    """The instrument of the file; none where the notes are drums."""
    notes: tuple[Note, ...]


class Track(Message):
    """One track of a song's file."""

    name: str
    stem: Stem | None = None
    program: Program | None = None
    """None for drums, which lie on channel 10."""
    notes: Annotated[int, Field(ge=1)]


class MidiResult(Message):
    """What was found; the notes themselves are in the artifacts."""

    mode: MidiMode = MidiMode.NOTES
    notes: Annotated[int, Field(ge=1)]
    """How many."""
    lowest: MidiNote
    highest: MidiNote
    polyphony: Annotated[int, Field(ge=1)]
    """Most notes sounding at once."""
    duration: Seconds
    """Of the audio that was listened to; of drums and songs, up to the end of the last note."""
    tempo: Bpm
    """Tempo of the file's time grid; where it changes, of most of the song."""
    tempo_known: bool
    """Whether the tempo was known; if not, the grid is at 120 and bars mean nothing."""
    tempo_changes: Annotated[int, Field(ge=0)] = 0
    """How often the tempo changes once the song has begun."""
    program: Program | None
    """None where the file has no instrument, or several."""
    mean_confidence: Confidence
    classes: dict[SoundClass, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Only of drums: slices of each class, those included that are no notes."""
    left_out: Annotated[int, Field(ge=0)] = 0
    """Only of drums: slices that are no notes, since nothing says which drum they are."""
    tracks: tuple[Track, ...] = ()
    """Only of songs."""
    tuning_cents: Annotated[float, Field(ge=-50, le=50, allow_inf_nan=False)] = 0.0
    """How far the notes lie from A at 440 Hz, where they were heard in a tuning of their own."""
    remark: str = ""
    """What to know before the notes are used, for a person; empty where there is nothing."""
    engine: str = ""
    """What ran the network; empty where none was needed."""
    weights: str = ""
    """Which network."""
