"""`transcribe`: the words of a recording, with their times."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Message, StrictModel, pattern_string
from contracts.music import Confidence, Seconds

Language = Annotated[
    str, pattern_string(r"^[a-z]{2,3}$", "use two or three small letters, such as en or haw")
]
"""A language's code as Whisper names it: ISO 639-1, else 639-3, such as `en` or `haw`."""


class TranscribeParams(StrictModel):
    """How to listen."""

    language: Language | None = None
    """What is sung or spoken; by default it is detected."""
    weights: Annotated[
        str,
        pattern_string(
            r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
            "weights have a name of letters, digits, dots and hyphens, such as whisper-base",
        ),
    ] = "whisper-base"
    """Which network of the service's `weights.toml`."""
    beam: Annotated[int, Field(ge=1, le=10)] = 5
    """How many readings are followed at once; more is slower and a little better."""
    keep_doubtful: bool = False
    """Keep what the guard against invented text would remove; it stays marked."""
    correct_starts: bool = True
    """Move each word's start to where the voice begins to sound."""


class RemovalReason(StrEnum):
    """Why the guard does not believe a text."""

    SILENT = "silent"
    """Nothing sounds while it is said to be sung."""
    REPEATED = "repeated"
    """The network was caught in a loop."""
    CREDIT = "credit"
    """A line of subtitles' makers, which no one sings."""
    ANNOTATION = "annotation"
    """A description such as `[Music]`, no words."""
    DOUBTFUL = "doubtful"
    """The network itself is not sure of it, or it is faster than can be sung."""


class RemovedText(Message):
    """A text that the network gave and the guard does not believe."""

    start: Seconds
    end: Seconds
    text: str
    reason: RemovalReason


class TranscribeResult(Message):
    """What was heard; the words themselves are in the artifacts."""

    text: str
    """The lines, as much as fits in 4000 characters."""
    lines: Annotated[int, Field(ge=1)]
    words: Annotated[int, Field(ge=1)]
    language: Language
    language_given: bool
    language_confidence: Confidence
    """1 where the language was given."""
    mean_confidence: Confidence
    """Of the words."""
    removed: tuple[RemovedText, ...]
    """What the guard took out, or, with `keep_doubtful`, marked: the first 50."""
    removed_count: Annotated[int, Field(ge=0)]
    duration: Seconds
    """Of the audio that was listened to."""
    engine: str
    """What ran the network."""
    weights: str
    """Which network."""
