"""Corrections: values of a user that count instead of what machines found out about an item."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from contracts.analysis import Beat, ChordSegment, Section
from contracts.base import Message, StrictModel
from contracts.ids import JobId, UserId
from contracts.midi import Note
from contracts.music import Confidence, Stem
from contracts.transcribe import LyricLine

MAX_ENTRIES = 10_000
"""Entries of a lane."""
MAX_VERSIONS = 20
"""Versions of a field that are kept; the oldest are deleted."""
MAX_LANE_BYTES = 2 << 20
"""Size of all corrected lanes of an item as JSON, in bytes."""
MIN_TEMPO, MAX_TEMPO = 20.0, 400.0
"""The range of a corrected tempo in beats per minute."""


class CorrectionField(StrEnum):
    """What can be corrected. A lane is replaced as a whole."""

    CLASS = "class"
    """The sound class of a sample, such as `snare`."""
    TEMPO = "tempo"
    """Beats per minute, 20 to 400; or `double` or `half` of the machine's tempo."""
    KEY = "key"
    """A key such as `A:min`; `Am` and `A minor` are understood too."""
    CHORDS = "chords"
    """A lane: the chords, as in `analysis.json`."""
    SECTIONS = "sections"
    """A lane: the sections, as in `analysis.json`."""
    BEATS = "beats"
    """A lane: the beats with their positions in the bar, as in `analysis.json`."""
    WORDS = "words"
    """A lane: the lines of the lyrics with their words, as in `lyrics.json`."""
    NOTES = "notes"
    """A lane: the notes of the item itself, as in `notes.json`."""
    NOTES_DRUMS = "notes-drums"
    """A lane: the notes of its drum stem; likewise for the other stems."""
    NOTES_BASS = "notes-bass"
    NOTES_OTHER = "notes-other"
    NOTES_VOCALS = "notes-vocals"
    NOTES_GUITAR = "notes-guitar"
    NOTES_PIANO = "notes-piano"
    NOTES_ACCOMPANIMENT = "notes-accompaniment"
    CUTS = "cuts"
    """A lane: the cuts of the item itself, as in `GET /v1/items/{item}/cuts`."""
    CUTS_DRUMS = "cuts-drums"
    """A lane: the cuts of its drum stem; likewise for the other stems."""
    CUTS_BASS = "cuts-bass"
    CUTS_OTHER = "cuts-other"
    CUTS_VOCALS = "cuts-vocals"
    CUTS_GUITAR = "cuts-guitar"
    CUTS_PIANO = "cuts-piano"
    CUTS_ACCOMPANIMENT = "cuts-accompaniment"


NOTES_OF: Mapping[CorrectionField, Stem | None] = MappingProxyType(
    {
        CorrectionField.NOTES: None,
        **{CorrectionField(f"notes-{stem.value}"): stem for stem in Stem if stem is not Stem.MIX},
    }
)
"""The stem of each lane of notes; `None` for the item itself."""
CUTS_OF: Mapping[CorrectionField, Stem | None] = MappingProxyType(
    {
        CorrectionField.CUTS: None,
        **{CorrectionField(f"cuts-{stem.value}"): stem for stem in Stem if stem is not Stem.MIX},
    }
)
"""The stem of each list of cuts; `None` for the item itself."""
FIELD_OF_CUTS: Mapping[Stem | None, CorrectionField] = MappingProxyType(
    {stem: field for field, stem in CUTS_OF.items()}
)
"""The reverse of `CUTS_OF`."""
SMALL_FIELDS = frozenset({CorrectionField.CLASS, CorrectionField.TEMPO, CorrectionField.KEY})
"""Fields that hold one value; all others are lanes."""


class CorrectionPut(StrictModel):
    """Request body to correct a field."""

    value: Any
    """What `CorrectionField` says of the field; a lane as a list of all its entries."""


class OlderResult(Message):
    """A result that was computed before a correction, from the value that it replaced."""

    task: str
    """The task, such as `slicing`; run it again to compute the result from the correction."""
    job: JobId
    finished: datetime


class Correction(Message):
    """A corrected value and what it replaces."""

    field: CorrectionField
    value: Any
    """The user's value, which counts everywhere."""
    machine: Any = None
    """The machine's value, null if there is none. `GET /v1/items/{item}/corrections/{field}` also
    returns that of a lane; lists leave it out, as it may be large."""
    machine_confidence: Confidence | None = None
    """Confidence of the machine's value, for a class and a key."""
    by: UserId
    """Who corrected it."""
    at: datetime
    version: Annotated[int, Field(ge=1)]
    older_results: tuple[OlderResult, ...] = ()
    """Results that were computed from the value before; nothing is computed again by itself."""


class Corrections(Message):
    """All corrections of an item, in the order of `CorrectionField`."""

    items: tuple[Correction, ...]


class CorrectionVersion(Message):
    """One version of a correction; the newest counts."""

    version: Annotated[int, Field(ge=1)]
    value: Any = None
    """The value; null for a lane, and for a version that took the correction back."""
    entries: Annotated[int, Field(ge=0)] | None = None
    """Entries of a lane."""
    taken_back: bool = False
    """Whether it took the correction back, so that the machine's value counted again."""
    by: UserId
    at: datetime


class CorrectionVersions(Message):
    """The versions of a field, the newest first: at most 20."""

    items: tuple[CorrectionVersion, ...]


class CorrectedLanes(Message):
    """The corrected lanes of an item; null where the machine's lane counts."""

    chords: tuple[ChordSegment, ...] | None = None
    sections: tuple[Section, ...] | None = None
    beats: tuple[Beat, ...] | None = None
    words: tuple[LyricLine, ...] | None = None
    notes: tuple[Note, ...] | None = None
    """Of the item itself."""
    notes_of_stems: dict[Stem, tuple[Note, ...]] = Field(default_factory=dict)
