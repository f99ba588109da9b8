"""Musical units and label formats. Every number is finite."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import pattern_string

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A position or a length in seconds."""
Samples = Annotated[int, Field(ge=0)]
"""A position or a length in samples of the canonical audio."""
SampleRate = Annotated[int, Field(ge=1, le=768_000)]
"""Samples per second."""
Decibels = Annotated[float, Field(allow_inf_nan=False)]
"""A level or a gain in dB; the field's name or description states the reference."""
Hertz = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A frequency in hertz."""
Bpm = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
"""A tempo in beats per minute."""
MidiNote = Annotated[int, Field(ge=0, le=127)]
"""A MIDI note number; 60 is middle C, 69 is A at 440 Hz."""
Velocity = Annotated[int, Field(ge=1, le=127)]
"""A MIDI velocity."""
Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""The confidence of an engine, 0 to 1."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A share, 0 to 1."""
KeyLabel = Annotated[str, StringConstraints(pattern=r"^[A-G][#b]?:(maj|min)$")]
"""A key, such as `C:maj` or `F#:min`."""
ChordLabel = Annotated[
    str,
    pattern_string(
        r"^(N|X|[A-G][#b]?:[a-z0-9#b]+(/[#b]?[1-7])?)$",
        "write a chord in Harte's notation, such as A:min, C:maj7 or G:maj/3, or N for none",
        max_length=20,
    ),
]
"""A chord in Harte's notation: `A:min`, `G:7`, `E:maj/3` with its third in the bass; `N` is no
chord, `X` an unknown one."""
CamelotCode = Annotated[str, StringConstraints(pattern=r"^(1[0-2]|[1-9])[AB]$")]
"""A key on the Camelot wheel, such as `8A`."""


class Stem(StrEnum):
    """A part of a song, as separation produces it."""

    DRUMS = "drums"
    BASS = "bass"
    OTHER = "other"
    VOCALS = "vocals"
    GUITAR = "guitar"
    PIANO = "piano"
    ACCOMPANIMENT = "accompaniment"
    """Everything but the vocals."""
    MIX = "mix"
    """A sum of several stems; the artifact's name lists which."""


SCORE_ORDER = (
    Stem.VOCALS,
    Stem.GUITAR,
    Stem.PIANO,
    Stem.OTHER,
    Stem.ACCOMPANIMENT,
    Stem.MIX,
    Stem.BASS,
    Stem.DRUMS,
)
"""Order of tracks in MIDI files and projects: voices first, drums last."""
