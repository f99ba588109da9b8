"""`analysis`: tempo, beats, key, chords and sections of a recording, and pictures of it."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.base import Message, StrictModel, pattern_string
from contracts.items import ArtifactName
from contracts.music import Bpm, CamelotCode, ChordLabel, Confidence, KeyLabel, Seconds, Stem


class ImageKind(StrEnum):
    """The kind of a picture."""

    WAVEFORM = "waveform"
    MEL = "mel"
    """A spectrogram on the mel scale."""


class ImageSpec(StrictModel):
    """A picture to draw: its time range in seconds and its size in pixels."""

    kind: ImageKind
    start: Seconds = 0.0
    end: Seconds | None = None
    """If absent, the end of the recording."""
    width: Annotated[int, Field(ge=16, le=8192)] = 1600
    height: Annotated[int, Field(ge=16, le=2048)] = 256

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(
                f"the end of a picture, {self.end:g} s, must be after its start, {self.start:g} s"
            )
        return self


class AnalysisParams(StrictModel):
    """Which analyses to run on one recording."""

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
    """Beats in a bar, if known; otherwise 2 to 7, whichever fits best."""


class TempoCandidate(Message):
    """A tempo and its share of the evidence."""

    bpm: Bpm
    weight: Confidence


class TempoChange(Message):
    """A position at which the tempo changes."""

    start: Seconds
    bpm: Bpm


class TempoPoint(Message):
    """The tempo at a time."""

    time: Seconds
    bpm: Bpm


class TempoEstimate(Message):
    """The estimated tempo with its confidence and the other candidates."""

    bpm: Bpm
    """If the tempo changes, that of the longest section of constant tempo; of a loop, exactly the
    tempo at which it lasts whole bars."""
    confidence: Confidence
    """How strongly the recording repeats at this tempo; an estimate, not a probability."""
    steadiness: Confidence
    """The share of beats within 4 % of the usual beat interval of their section."""
    changes: tuple[TempoChange, ...] = ()
    """The tempo of every section in order of time, with the first; empty for one tempo."""
    curve: Annotated[tuple[TempoPoint, ...], Field(max_length=256)] = ()
    """The tempo over time, measured on the beats: linear between two points, constant before the
    first and after the last. Two points at one time are a jump. Only in `analysis.json`."""
    candidates: tuple[TempoCandidate, ...]
    """Best first; always includes half and double the best tempo."""
    beats_per_bar: Annotated[int, Field(ge=2, le=12)]
    downbeat_confidence: Confidence
    """The share of this metre and this first beat in the evidence of all; an estimate."""
    source: Stem | None = None
    """The stem that was analysed; if absent, the recording itself."""


class Beat(Message):
    """One beat."""

    time: Seconds
    position: Annotated[int, Field(ge=1, le=12)]
    """Position in its bar; 1 is the downbeat."""


class KeyCandidate(Message):
    """A key and its share of the evidence of all 24."""

    key: KeyLabel
    camelot: CamelotCode
    confidence: Confidence


class KeySection(Message):
    """A section in one key."""

    start: Seconds
    end: Seconds
    key: KeyLabel
    camelot: CamelotCode
    confidence: Confidence
    """The share of this key in the evidence of all 24 in this section; an estimate."""


class KeyEstimate(Message):
    """The key, and the second choice."""

    best: KeyCandidate
    second: KeyCandidate
    sections: Annotated[tuple[KeySection, ...], Field(max_length=64)] = ()
    """The sections of one key each, if the key changes; empty for one key throughout."""
    tuning_cents: Annotated[float, Field(ge=-50, le=50, allow_inf_nan=False)]
    """Deviation of the recording's tuning from A at 440 Hz."""
    source: tuple[Stem, ...] = ()
    """The stems that were analysed; if empty, the recording itself."""


class ChordSegment(Message):
    """One chord; neighbouring beats of the same chord are one segment."""

    start: Seconds
    end: Seconds
    chord: ChordLabel
    confidence: Confidence


SectionLabel = Annotated[
    str,
    pattern_string(
        r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,38}[^\s\x00-\x1f\x7f])?$",
        "name a section with 1 to 40 characters, such as A or Chorus",
    ),
]
"""The name of a section: analysis uses the letters A, B, …; users also write words."""


class SectionRole(StrEnum):
    """What a section of a song may be."""

    INTRO = "intro"
    VERSE = "verse"
    CHORUS = "chorus"
    BRIDGE = "bridge"
    OUTRO = "outro"


class Section(Message):
    """A section of the form; sections with the same label sound alike."""

    start: Seconds
    end: Seconds
    label: SectionLabel
    role: SectionRole | None = None
    """An estimate from what repeats and what is loud; absent where neither says enough."""
    confidence: Confidence
    """How much the sound changes at its start."""


class AnalysisImage(Message):
    """A stored picture."""

    file: ArtifactName
    kind: ImageKind
    start: Seconds
    end: Seconds
    width: int
    height: int


class Analysis(Message):
    """The complete analysis: the content of `analysis.json`."""

    version: Literal[1] = 1
    duration: Seconds
    tempo: TempoEstimate | None = None
    """Absent if it was not requested, or if nothing in the recording repeats."""
    beats: tuple[Beat, ...] = ()
    key: KeyEstimate | None = None
    """Absent if it was not requested, or if nothing in the recording has a pitch."""
    chords: tuple[ChordSegment, ...] = ()
    sections: tuple[Section, ...] = ()
    images: tuple[AnalysisImage, ...] = ()


class AnalysisResult(Message):
    """A summary of the analysis; the artifact `analysis.json` holds every beat and chord."""

    duration: Seconds
    tempo: TempoEstimate | None = None
    beats: Annotated[int, Field(ge=0)] = 0
    key: KeyEstimate | None = None
    chords: Annotated[int, Field(ge=0)] = 0
    sections: tuple[Section, ...] = ()
    images: tuple[AnalysisImage, ...] = ()
