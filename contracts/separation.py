"""What `separation` is asked and what it answers: a track as stems."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.base import Message, StrictModel
from contracts.items import ArtifactName
from contracts.music import Confidence, Decibels, SampleRate, Samples, Stem


class Weights(StrEnum):
    """The networks that can be asked for by name."""

    SPLEETER = "spleeter-2stems"
    """Vocals and accompaniment; light and fast."""
    HTDEMUCS = "htdemucs"
    """Drums, bass, other and vocals."""
    HTDEMUCS_FT = "htdemucs_ft"
    """The same four, each by a network tuned for it; four times the work."""
    HTDEMUCS_6S = "htdemucs_6s"
    """Guitar and piano besides the four."""


class Precision(StrEnum):
    """What may be given up for speed; the result says which was in force."""

    EXACT = "exact"
    """Equal to the reference in single precision, to 100 dB or more."""
    BALANCED = "balanced"
    """To 65 dB or more."""
    FAST = "fast"
    """To 40 dB or more."""


class Residual(StrEnum):
    """What happens to what the networks leave over: the input less the sum of the stems."""

    NONE = "none"
    """It is dropped: every stem is what its network gave."""
    OTHER = "other"
    """It is added to `other`, or to the accompaniment of two stems, so that the stems sum to the
    input."""


class StemFormat(StrEnum):
    """The files that stems are stored in."""

    FLAC = "flac"
    WAV = "wav"


class StemDepth(StrEnum):
    """How samples are stored."""

    INT16 = "16"
    INT24 = "24"
    FLOAT32 = "float32"
    """In WAV only; the one that cannot clip."""


class SeparationParams(StrictModel):
    """How a track is taken apart."""

    weights: Weights | None = None
    """None: the best that this worker has."""
    stems: Annotated[tuple[Stem, ...], Field(max_length=8)] = ()
    """Which to store; empty is all that the weights give."""
    without: Annotated[tuple[Stem, ...], Field(max_length=6)] = ()
    """For each of these, also a mix of everything but it: `without_drums.flac`."""
    overlap: Annotated[float, Field(ge=0, le=0.9, allow_inf_nan=False)] | None = None
    """Share of a segment that the next one covers again; None is the weights' own."""
    shifts: Annotated[int, Field(ge=0, le=8)] = 0
    """Passes at different offsets whose results are averaged; each costs a whole pass. 0 and 1
    are one pass."""
    precision: Precision | None = None
    """None: the fastest that was measured to be transparent for these weights on this device."""
    residual: Residual = Residual.OTHER
    format: StemFormat = StemFormat.FLAC
    depth: StemDepth = StemDepth.INT24
    previews: bool = True
    """Whether finished parts can be heard while the job runs."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.depth is StemDepth.FLOAT32 and self.format is not StemFormat.WAV:
            raise ValueError("FLAC holds no floating point: use depth 16 or 24, or format wav")
        for name, stems in (("stems", self.stems), ("without", self.without)):
            if len(set(stems)) < len(stems):
                raise ValueError(f"{name} names a stem twice")
            if Stem.MIX in stems:
                raise ValueError(f"{name} cannot name 'mix', which is what the job starts from")
        return self


class StemResult(Message):
    """One stored stem, or a mix without one."""

    stem: Stem
    """`mix` for a mix of several stems; its name says which is left out."""
    name: ArtifactName
    level_dbfs: Decibels
    """RMS over the whole file; -200 for digital silence."""
    peak_dbfs: Decibels
    clipped: Samples = 0
    """Samples that did not fit the file's range; store as float32 WAV to keep them."""
    confidence: Confidence
    """An estimate, without any reference, of how clean the stem is: the mean of `seconds`,
    weighted with energy. It ranks passages and stems; it is no signal-to-noise ratio. For a mix,
    that of the stem it lacks."""
    seconds: tuple[Confidence, ...] = ()
    """The same estimate for each second of audio; 0 where the stem is silent."""


class SeparationResult(Message):
    """How a track was taken apart."""

    weights: Annotated[str, StringConstraints(max_length=200)]
    """Names of the weights that made the stems."""
    engine: Annotated[str, StringConstraints(max_length=100)]
    """What ran them."""
    precision: Precision
    """The precision in force: never worse than the one asked for."""
    precision_note: str = ""
    """Why it is another than the one asked for, where it is."""
    device_note: str = ""
    """Why it ran elsewhere, or took less at once, than usual: the device's memory ran out."""
    better: str = ""
    """How to get better weights than these; empty where these are the best for these stems."""
    sample_rate: SampleRate
    samples: Samples
    """Length of every stored file: that of the input."""
    overlap: Annotated[float, Field(ge=0, le=0.9, allow_inf_nan=False)]
    shifts: int
    residual: Residual
    residual_level_db: Decibels
    """Energy that the networks left over, relative to the input; before it was added anywhere."""
    stems: tuple[StemResult, ...]
