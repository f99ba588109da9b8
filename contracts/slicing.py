"""`slicing`: cut a recording into one-shots and loops."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from contracts.base import Message, StrictModel
from contracts.items import ArtifactName
from contracts.music import Bpm, Confidence, Decibels, SampleRate, Samples, Seconds, Stem

Milliseconds = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
"""A short duration in milliseconds."""
LoopBars = Literal[1, 2, 4]
"""Length of a loop in bars."""


class SlicingParams(StrictModel):
    """How to slice one recording."""

    one_shots: bool = True
    loops: bool = True
    sensitivity: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    """Higher values detect softer onsets, and more false ones."""
    min_spacing: Annotated[float, Field(ge=0.01, le=5, allow_inf_nan=False)] = 0.05
    """Minimum time between two onsets in seconds; of two closer ones the first is kept."""
    min_length: Annotated[float, Field(ge=0.005, le=5, allow_inf_nan=False)] = 0.03
    """Minimum length of a one-shot in seconds; shorter ones are dropped."""
    max_length: Annotated[float, Field(ge=0.05, le=30, allow_inf_nan=False)] = 4.0
    """Maximum length of a one-shot in seconds; longer ones are faded out there."""
    gate_db: Annotated[float, Field(ge=-100, le=0, allow_inf_nan=False)] = -45.0
    """Minimum peak of a one-shot relative to the recording's loudness; softer ones are dropped."""
    tail_db: Annotated[float, Field(ge=-100, le=-6, allow_inf_nan=False)] = -45.0
    """Level relative to its peak at which a one-shot has decayed and ends."""
    fade_in_ms: Milliseconds = 1.0
    """Maximum fade-in, which is shortened if it would reach the attack."""
    fade_out_ms: Milliseconds = 8.0
    normalise: bool = False
    """Whether to normalise each file to a peak of `peak_dbfs`."""
    peak_dbfs: Annotated[float, Field(ge=-60, le=0, allow_inf_nan=False)] = -1.0
    bars: tuple[LoopBars, ...] = (1, 2, 4)
    """Lengths of the loops."""
    bpm: Bpm | None = None
    """The tempo, if known; otherwise it is detected."""
    beats_per_bar: Annotated[int, Field(ge=2, le=12)] = 4
    similarity: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.95
    """Minimum similarity of the hits in one group."""
    best_only: bool = False
    """Store only the best hit of each group; `slices.json` lists all of them anyway."""
    max_one_shots: Annotated[int, Field(ge=0, le=2000)] = 400
    """Maximum number of stored one-shots: the best of each group first, then by score."""
    max_loops: Annotated[int, Field(ge=0, le=200)] = 24
    """Maximum number of stored loops: the best of each group, the most typical first."""


MACHINE_SLICES = "slices.json"
"""The file with the slices that slicing detected."""
USER_SLICES = "cuts.json"
"""The file with the slices that a user cut."""


class SliceKind(StrEnum):
    """The kind of a slice."""

    ONE_SHOT = "one_shot"
    LOOP = "loop"


_FORMER_END_REASON = "ending"
"""The name of `Slice.end_reason` in stored `slices.json` files that slicing 2 wrote."""


class SliceEnd(StrEnum):
    """Why a slice ends at its last sample."""

    DECAY = "decay"
    """The sound has decayed."""
    NEXT = "next"
    """The next slice begins."""
    LIMIT = "limit"
    """It reached the maximum length."""
    FILE = "file"
    """The recording ends."""
    GRID = "grid"
    """A loop ends on the beat."""
    USER = "user"
    """The user chose it."""


class Slice(Message):
    """One slice; positions are samples of the sliced recording."""

    index: Annotated[int, Field(ge=0)]
    kind: SliceKind
    start: Samples
    """First sample; the attack begins at or after it."""
    end: Samples
    """One past the last sample."""
    onset: Samples
    """Where the sound begins: the peak of the onset-strength envelope."""
    end_reason: Annotated[
        SliceEnd, Field(validation_alias=AliasChoices("end_reason", _FORMER_END_REASON))
    ]
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Strength of the onset: about 1 for the recording's main hits, 0.1 for the softest."""
    level_dbfs: Decibels
    """RMS of the loudest 10 ms."""
    peak_dbfs: Decibels
    group: Annotated[int, Field(ge=0)] | None = None
    """Slices of one kind with the same number sound alike."""
    similarity: Confidence = 0.0
    """Similarity to the group's mean."""
    score: Confidence = 0.0
    """An estimate of how clean and complete the slice is."""
    best: bool = False
    """Whether it is the best slice of its group."""
    bars: LoopBars | None = None
    """Loops only: length in bars."""
    bpm: Bpm | None = None
    """Loops only: the tempo at which the loop is whole bars long."""
    file: ArtifactName | None = None
    """The stored file, if any."""
    gain_db: Decibels = 0.0
    """Gain applied to the file."""
    fade_in: Samples = 0
    """Length of the fade-in at the start of the file, before the attack."""
    fade_out: Samples = 0
    """Length of the fade at the end of the file: of a one-shot to silence, of a loop into what
    precedes its first sample in the recording."""


class Slices(Message):
    """Every slice of a recording: the content of `slices.json`."""

    version: Literal[1] = 1
    sample_rate: SampleRate
    samples: Samples
    stem: Stem | None = None
    bpm: Bpm | None = None
    """The tempo of the loops, if the recording's tempo is steady enough."""
    slices: tuple[Slice, ...]


class SlicingResult(Message):
    """A summary of the slices; the artifact `slices.json` holds every slice."""

    one_shots: Annotated[int, Field(ge=0)]
    loops: Annotated[int, Field(ge=0)]
    groups: Annotated[int, Field(ge=0)]
    """Groups of one-shots that sound alike."""
    stored: Annotated[int, Field(ge=0)]
    """Number of stored files."""
    bpm: Bpm | None = None
    tempo_confidence: Confidence = 0.0
    steady: bool = False
    """Whether the tempo was steady enough for loops."""
    remark: str = ""
    """A caveat about the slices, as text for a person; empty if there is none."""
    by_user: bool = False
    """Whether the slices are the user's cuts, and nothing was detected."""
    duration: Seconds
