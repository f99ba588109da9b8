"""`midi`: the notes of a recording, the hits of a drum stem, or the score of a whole song."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.base import Message, StrictModel
from contracts.music import Bpm, Confidence, Hertz, MidiNote, Seconds, Stem, Velocity
from contracts.tagging import SoundClass

Program = Annotated[int, Field(ge=0, le=127)]
"""A General MIDI program, counted from 0: 0 is a grand piano, 33 a fingered bass."""


class Tracker(StrEnum):
    """How the notes of a recording are tracked."""

    AUTO = "auto"
    """Chosen by the stem and by what is heard."""
    MONOPHONIC = "monophonic"
    """One note at a time: for a voice, a bass, a solo instrument."""
    POLYPHONIC = "polyphonic"
    """Any number of notes at a time."""
    PIANO = "piano"
    """A piano, with velocities and the sustain pedal, by a network of its own."""


class TrackerReason(StrEnum):
    """Why a tracker was used."""

    REQUESTED = "requested"
    """The parameter `tracker` names it."""
    SIMULTANEOUS_NOTES = "simultaneous_notes"
    """Polyphonic: several notes sound at once."""
    MONOPHONIC_STEM = "monophonic_stem"
    """Monophonic: a vocal or bass stem in which one note sounds at a time."""
    UNSTEADY_PITCH = "unsteady_pitch"
    """Monophonic: one note sounds at a time, and its pitch moves as a voice does."""
    STEADY_PITCH = "steady_pitch"
    """Polyphonic: one note sounds at a time, at steady pitches, which this tracker separates
    better."""
    PIANO_STEM = "piano_stem"
    """Piano: a piano stem, and the worker has the piano network."""


class DrumMethod(StrEnum):
    """How to detect drums."""

    NETWORK = "network"
    """By the project's drum network, from the recording; without a recording from the tags."""
    TAGS = "tags"
    """Each slice is the drum that it is tagged as, so that corrected tags count."""


class MidiParams(StrictModel):
    """How to detect notes, and which of them to write.

    Thresholds, `minimum_note_ms`, `melodia_trick` and `pitch_bends` have no effect on the piano
    tracker, whose network decides about whole notes.
    """

    tracker: Tracker = Tracker.AUTO
    """How to track the notes of a recording; has no effect on drums and songs."""
    onset_threshold: Annotated[float, Field(ge=0.1, le=0.95, allow_inf_nan=False)] = 0.55
    """Minimum onset confidence; lower values detect more notes, and more wrong ones."""
    frame_threshold: Annotated[float, Field(ge=0.05, le=0.95, allow_inf_nan=False)] = 0.3
    """Minimum confidence of a frame for its note to continue."""
    minimum_note_ms: Annotated[float, Field(ge=10, le=2000, allow_inf_nan=False)] = 58.0
    """Minimum length of a note; shorter notes are dropped."""
    minimum_frequency: Hertz | None = None
    """Lower notes are dropped."""
    maximum_frequency: Hertz | None = None
    """Higher notes are dropped."""
    melodia_trick: bool = True
    """Also detect long, clear notes that have no onset; the monophonic tracker always does."""
    pitch_bends: bool = True
    """Write vibrato and slides as pitch bends; simultaneous notes then use separate channels."""
    drum_method: DrumMethod = DrumMethod.NETWORK
    """How to detect drums."""
    drums_of_mixtures: bool = False
    """With `tags`, also write drum notes for slices of other sources than a drum stem, such as an
    accompaniment; most of these notes are wrong."""
    program: Program | None = None
    """Instrument of the file; by default one that suits the stem, otherwise a piano."""

    @model_validator(mode="after")
    def _range_holds_a_note(self) -> Self:
        low, high = self.minimum_frequency, self.maximum_frequency
        if low is not None and high is not None and low >= high:
            raise ValueError("minimum_frequency must be below maximum_frequency")
        return self


class MidiMode(StrEnum):
    """What the file contains, which depends on the kind of the inputs."""

    NOTES = "notes"
    """The pitches of a recording."""
    DRUMS = "drums"
    """The drum hits of a recording."""
    SONG = "song"
    """The notes of several stems as one file."""


class Note(Message):
    """One note."""

    start: Seconds
    end: Seconds
    pitch: MidiNote
    name: str
    """`C4` is middle C; for a drum, its General MIDI name."""
    velocity: Velocity
    confidence: Confidence
    bends: tuple[Annotated[float, Field(ge=-2, le=2)], ...] = ()
    """Deviation from `pitch` in semitones, every `bend_interval`; empty if it is constant."""
    sound: SoundClass | None = None
    """Drums only: the detected class; from tags, that of the slice, which may be `unknown`."""


class PedalPress(Message):
    """A time during which the sustain pedal of a piano is down."""

    start: Seconds
    end: Seconds


class Notes(Message):
    """All notes with their details: the content of `notes.json`."""

    format: Literal["cratedig.notes"] = "cratedig.notes"
    version: Literal[1] = 1
    tempo: Bpm
    """Tempo of the file's time grid."""
    tempo_known: bool
    bend_interval: Seconds
    program: Program | None = None
    """The instrument of the file; null for drums."""
    pedals: tuple[PedalPress, ...] = ()
    """By the piano tracker only, in order of time. A note ends when its key is released; under the
    pedal it sounds on."""
    notes: tuple[Note, ...]


class Track(Message):
    """One track of a song's file."""

    name: str
    stem: Stem | None = None
    program: Program | None = None
    """Null for drums, which use channel 10."""
    notes: Annotated[int, Field(ge=1)]


class MidiResult(Message):
    """A summary of the notes; the artifacts hold the notes themselves."""

    mode: MidiMode = MidiMode.NOTES
    notes: Annotated[int, Field(ge=1)]
    """Number of notes."""
    lowest: MidiNote
    highest: MidiNote
    polyphony: Annotated[int, Field(ge=1)]
    """Maximum number of simultaneous notes."""
    duration: Seconds
    """Duration of the audio; for drums and songs, the end of the last note."""
    tempo: Bpm
    """Tempo of the file's time grid; if it changes, the tempo of most of the song."""
    tempo_known: bool
    """Whether the tempo was known; if not, the grid is at 120 BPM and its bars are meaningless."""
    tempo_changes: Annotated[int, Field(ge=0)] = 0
    """Number of tempo changes after the start of the song."""
    program: Program | None
    """Null if the file has no instrument or several."""
    mean_confidence: Confidence
    classes: dict[SoundClass, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Drums only: number of hits of each class; from tags, also of classes without a note."""
    left_out: Annotated[int, Field(ge=0)] = 0
    """Drums from tags only: number of slices without a note, because their drum is unknown."""
    tracks: tuple[Track, ...] = ()
    """Songs only: the tracks of the file."""
    tuning_cents: Annotated[float, Field(ge=-50, le=50, allow_inf_nan=False)] = 0.0
    """Deviation of the detected tuning from A at 440 Hz."""
    tracker: Literal[Tracker.MONOPHONIC, Tracker.POLYPHONIC, Tracker.PIANO] | None = None
    """The tracker that wrote the notes; null for drums and songs."""
    tracker_reason: TrackerReason | None = None
    simultaneous_share: Confidence | None = None
    """Share of the sounding time in which several notes sound at once; null if the monophonic
    tracker was not tried."""
    remark: str = ""
    """A caveat about the notes, as text for a person; empty if there is none."""
    engine: str = ""
    """The inference engine; empty if no network was needed."""
    weights: str = ""
    """The network."""
