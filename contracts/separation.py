"""`separation`: split a track into stems."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.base import Message, StrictModel
from contracts.items import ArtifactName
from contracts.music import Confidence, Decibels, SampleRate, Samples, Stem


class Weights(StrEnum):
    """The networks that a job can name."""

    SPLEETER = "spleeter-2stems"
    """Vocals and accompaniment; light and fast."""
    HTDEMUCS = "htdemucs"
    """Drums, bass, other and vocals."""
    HTDEMUCS_FT = "htdemucs_ft"
    """The same four stems, each from its own fine-tuned network; four times the work."""
    HTDEMUCS_6S = "htdemucs_6s"
    """The four stems of `htdemucs`, plus guitar and piano."""


class Precision(StrEnum):
    """How much accuracy to trade for speed; the result states the precision used."""

    EXACT = "exact"
    """Within 100 dB or more of the reference in single precision."""
    BALANCED = "balanced"
    """Within 65 dB or more."""
    FAST = "fast"
    """Within 40 dB or more."""


class Residual(StrEnum):
    """What to do with the residual: the input minus the sum of the stems."""

    NONE = "none"
    """Drop it: every stem is the output of its network."""
    OTHER = "other"
    """Add it to `other`, or to `accompaniment` with two stems, so that the stems sum to the
    input."""


class StemFormat(StrEnum):
    """The file format of stored stems."""

    FLAC = "flac"
    WAV = "wav"


class StemDepth(StrEnum):
    """The sample format of stored stems."""

    INT16 = "16"
    INT24 = "24"
    FLOAT32 = "float32"
    """WAV only; cannot clip."""


class SeparationParams(StrictModel):
    """How to separate a track."""

    weights: Weights | None = None
    """If null, the best weights that the worker has."""
    stems: Annotated[tuple[Stem, ...], Field(max_length=8)] = ()
    """The stems to store; empty means all that the weights produce."""
    without: Annotated[tuple[Stem, ...], Field(max_length=6)] = ()
    """For each of these stems, also store a mix of all others, such as `without_drums.flac`."""
    overlap: Annotated[float, Field(ge=0, le=0.9, allow_inf_nan=False)] | None = None
    """The share by which consecutive segments overlap; if null, the default of the weights."""
    shifts: Annotated[int, Field(ge=0, le=8)] = 0
    """Number of passes at random offsets whose results are averaged; each costs a whole pass. 0
    and 1 both mean one pass."""
    precision: Precision | None = None
    """If null, the fastest precision that measured as transparent for these weights and device."""
    residual: Residual = Residual.OTHER
    format: StemFormat = StemFormat.FLAC
    depth: StemDepth = StemDepth.INT24
    previews: bool = True
    """Whether to store previews: finished parts that users can play while the job runs."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.depth is StemDepth.FLOAT32 and self.format is not StemFormat.WAV:
            raise ValueError("FLAC holds no floating point: use depth 16 or 24, or format wav")
        for name, stems in (("stems", self.stems), ("without", self.without)):
            if len(set(stems)) < len(stems):
                raise ValueError(f"{name} names a stem twice")
            if Stem.MIX in stems:
                raise ValueError(f"{name} cannot contain 'mix', which is the input of the job")
        return self


class StemResult(Message):
    """A stored stem, or a mix of all stems but one."""

    stem: Stem
    """`mix` for a mix of several stems; the file's name states the missing one."""
    name: ArtifactName
    level_dbfs: Decibels
    """RMS over the whole file; -200 for digital silence."""
    peak_dbfs: Decibels
    clipped: Samples = 0
    """Samples beyond full scale, which were clipped; float32 WAV keeps them."""
    confidence: Confidence
    """A reference-free estimate of how clean the stem is: the mean of `seconds`, weighted by
    energy. It ranks passages and stems and is not a signal-to-noise ratio. For a mix, the value of
    the missing stem."""
    seconds: tuple[Confidence, ...] = ()
    """The same estimate for each second of audio; 0 where the stem is silent."""


class SeparationResult(Message):
    """The stored stems, and the settings that produced them."""

    weights: Annotated[str, StringConstraints(max_length=200)]
    """Names of the weights used."""
    engine: Annotated[str, StringConstraints(max_length=100)]
    """The inference engine."""
    precision: Precision
    """The precision used: never worse than the requested one."""
    precision_note: str = ""
    """Why the precision differs from the requested one, if it does."""
    device_note: str = ""
    """Why the job used another device or a smaller batch, if the device ran out of memory."""
    better: str = ""
    """How to get better weights; empty if these are the best for the stems."""
    sample_rate: SampleRate
    samples: Samples
    """Length of every stored file, equal to that of the input."""
    overlap: Annotated[float, Field(ge=0, le=0.9, allow_inf_nan=False)]
    shifts: int
    residual: Residual
    residual_level_db: Decibels
    """Energy of the residual relative to the input, before it is added to a stem."""
    stems: tuple[StemResult, ...]
