"""Slicing: what can be asked of it, and what it says of the slices it cut."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Message, StrictModel
from contracts.items import ArtifactName
from contracts.music import Bpm, Confidence, Decibels, SampleRate, Samples, Seconds, Stem

Milliseconds = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
"""A short length."""
Bars = Literal[1, 2, 4]
"""Length of a loop."""


class SlicingParams(StrictModel):
    """How to slice one recording."""

    one_shots: bool = True
    loops: bool = True
    sensitivity: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    """Higher finds softer onsets, and more of what is none."""
    min_spacing: Annotated[float, Field(ge=0.01, le=5, allow_inf_nan=False)] = 0.05
    """Seconds between two onsets; of two nearer ones the first counts."""
    min_length: Annotated[float, Field(ge=0.005, le=5, allow_inf_nan=False)] = 0.03
    """Seconds; shorter one-shots are dropped."""
    max_length: Annotated[float, Field(ge=0.05, le=30, allow_inf_nan=False)] = 4.0
    """Seconds; longer one-shots are faded out there."""
    gate_db: Annotated[float, Field(ge=-100, le=0, allow_inf_nan=False)] = -45.0
    """One-shots whose peak lies further below the recording's loudness are dropped."""
    tail_db: Annotated[float, Field(ge=-100, le=-6, allow_inf_nan=False)] = -45.0
    """A one-shot ends where it has decayed this far below its own peak."""
    fade_in_ms: Milliseconds = 1.0
    """At most: a fade never reaches into the attack."""
    fade_out_ms: Milliseconds = 8.0
    normalise: bool = False
    """Whether each file is brought to a peak of `peak_dbfs`."""
    peak_dbfs: Annotated[float, Field(ge=-60, le=0, allow_inf_nan=False)] = -1.0
    bars: tuple[Bars, ...] = (1, 2, 4)
    """Lengths of the loops."""
    bpm: Bpm | None = None
    """The tempo, where it is known; else it is found."""
    beats_per_bar: Annotated[int, Field(ge=2, le=12)] = 4
    similarity: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.95
    """Hits at least this alike are one group."""
    best_only: bool = False
    """Store only the best hit of each group; all are listed either way."""
    max_one_shots: Annotated[int, Field(ge=0, le=2000)] = 400
    """Files of one-shots at most: the best of each group first, then by score."""
    max_loops: Annotated[int, Field(ge=0, le=200)] = 24
    """Files of loops at most: the best of each group, the most typical first."""


class SliceKind(StrEnum):
    """What a slice is."""

    ONE_SHOT = "one_shot"
    LOOP = "loop"


class SliceEnd(StrEnum):
    """Why a slice ends where it does."""

    DECAY = "decay"
    """The sound has died away."""
    NEXT = "next"
    """The next one begins."""
    LIMIT = "limit"
    """It reached the greatest length."""
    FILE = "file"
    """The recording ends."""
    GRID = "grid"
    """A loop ends on the beat."""


class Slice(Message):
    """One slice; positions are samples of the sliced recording."""

    index: Annotated[int, Field(ge=0)]
    kind: SliceKind
    start: Samples
    """First sample; the attack begins at or after it."""
    end: Samples
    """One past the last sample."""
    onset: Samples
    """Where the sound is heard to begin: the peak of the novelty curve."""
    ending: SliceEnd
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Of the onset; about 1 for the recording's main hits, 0.1 for the softest."""
    level_dbfs: Decibels
    """Root mean square of the loudest 10 ms."""
    peak_dbfs: Decibels
    group: Annotated[int, Field(ge=0)] | None = None
    """Slices of one kind with the same number sound alike."""
    similarity: Confidence = 0.0
    """To the group's mean."""
    score: Confidence = 0.0
    """How clean and complete it is: an estimate."""
    best: bool = False
    """The best of its group."""
    bars: Bars | None = None
    """Only of loops."""
    bpm: Bpm | None = None
    """Only of loops: the tempo at which its length is whole bars."""
    file: ArtifactName | None = None
    """The stored file, where there is one."""
    gain_db: Decibels = 0.0
    """Applied to the file."""
    fade_in: Samples = 0
    """Samples faded in at the head of the file, before the attack."""
    fade_out: Samples = 0


class Slices(Message):
    """Every slice of a recording: the content of `slices.json`."""

    version: Literal[1] = 1
    sample_rate: SampleRate
    samples: Samples
    stem: Stem | None = None
    bpm: Bpm | None = None
    """The tempo that the loops were cut to, where one is steady enough."""
    slices: tuple[Slice, ...]


class SlicingResult(Message):
    """What was found, in numbers; every slice stands in the artifact `slices.json`."""

    one_shots: Annotated[int, Field(ge=0)]
    loops: Annotated[int, Field(ge=0)]
    groups: Annotated[int, Field(ge=0)]
    """Groups of one-shots that sound alike."""
    stored: Annotated[int, Field(ge=0)]
    """How many slices became files."""
    bpm: Bpm | None = None
    tempo_confidence: Confidence = 0.0
    steady: bool = False
    """Whether the tempo was steady enough for loops."""
    remark: str = ""
    """What to know before the slices are used, for a person; empty where there is nothing."""
    duration: Seconds
