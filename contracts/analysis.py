"""Analysis: what can be asked of it, and what it says of tempo, key, chords and form."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.base import Message, StrictModel
from contracts.items import ArtifactName
from contracts.music import Bpm, CamelotCode, ChordLabel, Confidence, KeyLabel, Seconds, Stem


class ImageKind(StrEnum):
    """What a picture shows."""

    WAVEFORM = "waveform"
    MEL = "mel"
    """A spectrogram on the mel scale."""


class ImageSpec(StrictModel):
    """One picture: any range, any zoom."""

    kind: ImageKind
    start: Seconds = 0.0
    end: Seconds | None = None
    """The end of the recording where absent."""
    width: Annotated[int, Field(ge=16, le=8192)] = 1600
    height: Annotated[int, Field(ge=16, le=2048)] = 256

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"a picture from {self.start:g} s must end later than {self.end:g} s")
        return self


class AnalysisParams(StrictModel):
    """What to find out about one recording."""

    tempo: bool = True
    """Tempo, beats and downbeats."""
    key: bool = True
    chords: bool = True
    sections: bool = True
    images: Annotated[tuple[ImageSpec, ...], Field(max_length=32)] = (
        ImageSpec(kind=ImageKind.WAVEFORM),
        ImageSpec(kind=ImageKind.MEL),
    )
    beats_per_bar: Annotated[int, Field(ge=2, le=12)] | None = None
    """Where it is known; else 3 or 4, whichever fits better."""


class TempoCandidate(Message):
    """A tempo and its share of the evidence."""

    bpm: Bpm
    weight: Confidence


class TempoChange(Message):
    """From here on the tempo is another."""

    start: Seconds
    bpm: Bpm


class TempoEstimate(Message):
    """The tempo, how sure, and what else it may be."""

    bpm: Bpm
    """Of the longest stretch, where it changes."""
    confidence: Confidence
    """How strongly the recording repeats at it: an estimate."""
    steadiness: Confidence
    """The share of beats within 4 % of the usual step, where the tempo changes of its stretch."""
    changes: tuple[TempoChange, ...] = ()
    """The tempo of every stretch in order of time, the first included; empty for one tempo."""
    candidates: tuple[TempoCandidate, ...]
    """Best first; half and double of the best are always among them."""
    beats_per_bar: Annotated[int, Field(ge=2, le=12)]
    downbeat_confidence: Confidence
    source: Stem | None = None
    """The stem that it was found in; the recording itself where absent."""


class Beat(Message):
    """One beat."""

    time: Seconds
    position: Annotated[int, Field(ge=1, le=12)]
    """In its bar; 1 is the downbeat."""


class KeyCandidate(Message):
    """A key and its share of the evidence of all 24."""

    key: KeyLabel
    camelot: CamelotCode
    confidence: Confidence


class KeyEstimate(Message):
    """The key, and the second choice."""

    best: KeyCandidate
    second: KeyCandidate
    tuning_cents: Annotated[float, Field(ge=-50, le=50, allow_inf_nan=False)]
    """How far the recording's tuning lies from A at 440 Hz."""
    source: tuple[Stem, ...] = ()
    """The stems that it was found in; the recording itself where empty."""


class ChordSegment(Message):
    """One chord; neighbouring beats of the same chord are one segment."""

    start: Seconds
    end: Seconds
    chord: ChordLabel
    confidence: Confidence


class Section(Message):
    """A part of the form; equal labels sound alike."""

    start: Seconds
    end: Seconds
    label: Annotated[str, Field(pattern=r"^[A-Z]{1,2}$")]
    confidence: Confidence
    """Of its start: how much changes there."""


class AnalysisImage(Message):
    """A picture that was stored."""

    file: ArtifactName
    kind: ImageKind
    start: Seconds
    end: Seconds
    width: int
    height: int


class Analysis(Message):
    """Everything found: the content of `analysis.json`."""

    version: Literal[1] = 1
    duration: Seconds
    tempo: TempoEstimate | None = None
    """Absent where it was not asked for, or nothing repeats."""
    beats: tuple[Beat, ...] = ()
    key: KeyEstimate | None = None
    """Absent where it was not asked for, or nothing has a pitch."""
    chords: tuple[ChordSegment, ...] = ()
    sections: tuple[Section, ...] = ()
    images: tuple[AnalysisImage, ...] = ()


class AnalysisResult(Message):
    """The main findings; every beat and chord stands in the artifact `analysis.json`."""

    duration: Seconds
    tempo: TempoEstimate | None = None
    beats: Annotated[int, Field(ge=0)] = 0
    key: KeyEstimate | None = None
    chords: Annotated[int, Field(ge=0)] = 0
    sections: tuple[Section, ...] = ()
    images: tuple[AnalysisImage, ...] = ()
