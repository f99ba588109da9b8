"""`midi`: the notes of a recording."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from contracts.base import Asked, Said
from contracts.music import Bpm, Confidence, Hertz, MidiNote, Seconds

Program = Annotated[int, Field(ge=0, le=127)]
"""A General MIDI program, counted from 0: 0 is a grand piano, 33 a fingered bass."""


class MidiParams(Asked):
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
    program: Program | None = None
    """Instrument of the file; by default the one that suits the stem, else a piano."""

    @model_validator(mode="after")
    def _range_holds_a_note(self) -> Self:
        low, high = self.minimum_frequency, self.maximum_frequency
        if low is not None and high is not None and low >= high:
            raise ValueError("minimum_frequency must be below maximum_frequency")
        return self


class MidiResult(Said):
    """What was found; the notes themselves are in the artifacts."""

    notes: Annotated[int, Field(ge=1)]
    """How many."""
    lowest: MidiNote
    highest: MidiNote
    polyphony: Annotated[int, Field(ge=1)]
    """Most notes sounding at once."""
    duration: Seconds
    """Of the audio that was listened to."""
    tempo: Bpm
    """Tempo of the file's time grid."""
    tempo_known: bool
    """Whether the item's tempo was known; if not, the grid is at 120 and bars mean nothing."""
    program: Program
    mean_confidence: Confidence
    engine: str
    """What ran the network."""
    weights: str
    """Which network."""
