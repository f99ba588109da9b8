"""Corrections of items."""

from datetime import datetime
from typing import Any, Literal

from cratedig.types.base import Answer

CorrectionField = Literal[
    "class",
    "tempo",
    "key",
    "chords",
    "sections",
    "beats",
    "words",
    "notes",
    "notes-drums",
    "notes-bass",
    "notes-other",
    "notes-vocals",
    "notes-guitar",
    "notes-piano",
    "notes-accompaniment",
    "cuts",
    "cuts-drums",
    "cuts-bass",
    "cuts-other",
    "cuts-vocals",
    "cuts-guitar",
    "cuts-piano",
    "cuts-accompaniment",
]
"""What can be corrected; `class`, `tempo` and `key` hold one value, all others are lanes."""


class OlderResult(Answer):
    """A result that was computed before a correction, from the value that it replaced."""

    task: str
    job: str
    finished: datetime


class Correction(Answer):
    """A corrected value, the machine's value, and who corrected it."""

    field: str
    value: Any
    machine: Any = None
    machine_confidence: float | None = None
    by: str
    at: datetime
    version: int
    older_results: tuple[OlderResult, ...] = ()


class Corrections(Answer):
    """All corrections of an item."""

    items: tuple[Correction, ...]


class CorrectionVersion(Answer):
    """One version of a correction; of a lane it has only the number of entries."""

    version: int
    value: Any = None
    entries: int | None = None
    taken_back: bool = False
    by: str
    at: datetime


class CorrectionVersions(Answer):
    """The versions of a correction, the newest first."""

    items: tuple[CorrectionVersion, ...]
