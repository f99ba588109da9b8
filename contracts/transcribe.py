"""`transcribe`: the words of a recording, with their times."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Message, StrictModel, pattern_string
from contracts.music import Confidence, Seconds

Language = Annotated[
    str, pattern_string(r"^[a-z]{2,3}$", "use two or three lower-case letters, such as en or haw")
]
"""A language code of Whisper: ISO 639-1, otherwise 639-3, such as `en` or `haw`."""


class TranscribeParams(StrictModel):
    """How to transcribe a recording."""

    language: Language | None = None
    """The language of the vocals; by default it is detected."""
    weights: Annotated[
        str,
        pattern_string(
            r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
            "weights have a name of letters, digits, dots and hyphens, such as whisper-base",
        ),
    ] = "whisper-base"
    """The network, by its name in the service's `weights.toml`."""
    beam: Annotated[int, Field(ge=1, le=10)] = 5
    """Beam size of the search; larger is slower and slightly better."""
    keep_doubtful: bool = False
    """Keep text that the hallucination filter would remove, marked as doubtful."""
    use_song: bool = True
    """Transcribe the song too, if a vocal stem comes with it, and keep of each passage what the
    network is surer of; takes about twice as long."""
    correct_starts: bool = True
    """Move each word's start to the onset of the voice."""


class RemovalReason(StrEnum):
    """Why the hallucination filter removed a text."""

    SILENT = "silent"
    """The audio is silent at the time of the text."""
    REPEATED = "repeated"
    """The network repeated itself."""
    CREDIT = "credit"
    """A subtitle credit, which nobody sings."""
    ANNOTATION = "annotation"
    """A description such as `[Music]` instead of words."""
    DOUBTFUL = "doubtful"
    """The network's confidence is low, or nobody could sing the text that fast."""


class RemovedText(Message):
    """A text that the hallucination filter removed."""

    start: Seconds
    end: Seconds
    text: str
    reason: RemovalReason


class LyricWord(Message):
    """A sung word, as `lyrics.json` holds it."""

    text: str
    start: Seconds
    end: Seconds
    space_before: bool = True
    """Whether a space separates it from the word before."""
    confidence: Confidence = 1.0


class LyricLine(Message):
    """A sung line, as `lyrics.json` holds it."""

    text: str
    start: Seconds
    end: Seconds
    words: tuple[LyricWord, ...] = ()
    confidence: Confidence = 1.0
    """Mean confidence of the words."""


class TranscribeResult(Message):
    """A summary of the lyrics; the artifacts hold the words themselves."""

    text: str
    """The lyrics, cut to 4000 characters."""
    lines: Annotated[int, Field(ge=1)]
    words: Annotated[int, Field(ge=1)]
    language: Language
    language_given: bool
    language_confidence: Confidence
    """1 if the job's parameters set the language."""
    mean_confidence: Confidence
    """Mean confidence of the words."""
    words_from_song: Annotated[int, Field(ge=0)] = 0
    """Words of the transcript of the song, where the network was surer of it than of the stem's."""
    removed: tuple[RemovedText, ...]
    """The first 50 texts that the filter removed or, with `keep_doubtful`, marked."""
    removed_count: Annotated[int, Field(ge=0)]
    duration: Seconds
    """Duration of the audio."""
    engine: str
    """The inference engine."""
    weights: str
    """The network."""
