"""Ingest: an upload in, canonical audio and what is known of it out."""

from enum import StrEnum
from typing import Annotated

from pydantic import Base64Bytes, Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.items import AudioFacts, ItemKind, TagEncoding
from contracts.music import Decibels, Samples, Seconds

CANONICAL = "canonical.flac"
"""The artifact that holds the canonical audio."""
PEAKS = "peaks.dat"
"""The artifact that holds the waveform."""

MAX_CHANNELS = 8
MIN_RATE = 8_000
MAX_RATE = 384_000
MAX_RATIO = 500
"""Bytes of decoded audio for each byte of the upload; more is a bomb. Speech that was coded at
6 kbit/s and is silent half of the time reaches 400."""
RATIO_FREE = 512 << 20
"""Bytes of decoded audio before the ratio counts: silence packs very well, and a silent track of
ten minutes is no bomb."""
MAX_TAG_BYTES = 256 << 20
"""Tags and pictures in a FLAC, which its decoder holds in memory; those of others are skipped."""

Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MAX_TAG_TEXT = 2000
TagText = Annotated[str, StringConstraints(max_length=MAX_TAG_TEXT)]


class IngestParams(StrictModel):
    """What the server allows an upload to be."""

    min_duration: Annotated[Seconds, Field(le=60)] = 0.005
    """Sound that is shorter is refused; 5 ms is the min_duration click worth keeping."""
    max_duration: Annotated[Seconds, Field(gt=0, le=86_400)] = 4 * 3600.0
    """Sound that is longer is refused, counted while it is decoded."""
    max_bytes: Annotated[int, Field(gt=0)] = 12 << 30
    """Bound of samples · channels · 4 bytes of the decoded audio. Four hours of stereo at 96 kHz
    take 10.3 GiB; decoding this much keeps one processor busy for about a minute."""


class RejectionReason(StrEnum):
    """Why an upload was refused, for programs; the message beside it is for people."""

    EMPTY = "empty"
    """There are no bytes, or no sound in them."""
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    """Too many bytes once decoded."""
    TOO_DENSE = "too_dense"
    """It unpacks to thousands of times its size."""
    CHANNELS = "channels"
    RATE = "rate"
    TAGS = "tags"
    """Its tags or pictures are larger than the server takes."""
    PLAYLIST = "playlist"
    """It names other files instead of holding sound."""
    ARCHIVE = "archive"
    UNSUPPORTED = "unsupported"
    """It is not one of the formats that the server opens."""
    NO_AUDIO = "no_audio"
    """A container without a sound track."""
    DAMAGED = "damaged"
    """It cannot be decoded."""
    TIMEOUT = "timeout"
    """Decoding it took longer than any honest file does."""
    CRASH = "crash"
    """It brought the decoder down, inside its sandbox."""


class Remark(StrEnum):
    """What was noticed of an upload that was taken all the same."""

    DAMAGED = "damaged"
    """Parts could not be decoded and were left out."""
    TRUNCATED = "truncated"
    """It was cut short: it holds less sound than it says, or ends where it should not."""
    DELAYED = "delayed"
    """Its sound starts later than its time line (or its picture); silence stands in front, as
    `source.start` says."""
    RESAMPLED = "resampled"
    """Its rate cannot be stored in FLAC; the nearest one that can was taken."""
    DOWNMIXED = "downmixed"
    """It had more than two channels."""
    SCALED = "scaled"
    """Samples beyond full scale: everything was scaled by `gain_db`."""
    REPAIRED = "repaired"
    """Samples that are no numbers, or absurd ones, were replaced by silence."""
    SILENT = "silent"
    """There is nothing above -60 dBFS in it."""
    FIRST_OF_MANY = "first_of_many"
    """It had several sound tracks; the first was taken."""


class Source(Message):
    """What the upload was."""

    container: str
    """Such as `wav`, `mp3`, `mov`."""
    codec: str
    """Such as `pcm_s16le`, `mp3float`, `aac`."""
    sample_rate: Annotated[int, Field(ge=MIN_RATE, le=MAX_RATE)]
    """In Hz."""
    channels: Annotated[int, Field(ge=1, le=MAX_CHANNELS)]
    size: Annotated[int, Field(ge=1)]
    """In bytes."""
    stated_duration: Seconds | None = None
    """What its header says, where it says something."""
    start: float = 0.0
    """Where its sound starts on its time line, in seconds. Silence stands in front of sound that
    starts later than 0; what lies before 0 is left out."""
    decoder: str = ""
    """The program that decoded it, with its version, and what confined it: results depend on it."""


class Span(Message):
    """A part of the canonical audio."""

    start: Samples
    """Its first sample."""
    end: Samples
    """One past its last sample."""


class Levels(Message):
    """How loud the canonical audio is."""

    integrated_lufs: Decibels | None
    """ITU-R BS.1770-4, gated; `None` for silence and for less than 400 ms."""
    true_peak_dbtp: Decibels | None
    """ITU-R BS.1770-4 annex 2, over full scale; `None` for digital silence."""
    sample_peak_dbfs: Decibels | None
    """`None` for digital silence."""
    dc_offset: tuple[Annotated[float, Field(ge=-1, le=1)], ...]
    """The mean of each channel; full scale is 1."""
    clipped_samples: Annotated[int, Field(ge=0)]
    """Samples of the upload in flat runs: three or more of one value at or above full scale, less
    one step of 16 bits; counted before anything was scaled. A round peak beyond full scale was not
    clipped."""


def clean_tag(text: str, most: int = MAX_TAG_TEXT) -> str:
    """Return text without control characters and lone surrogates, on one line, cut to length."""
    printable = "".join(
        " " if letter.isspace() else letter
        for letter in text
        if (letter.isprintable() or letter.isspace()) and not "\ud800" <= letter <= "\udfff"
    )
    return " ".join(printable.split())[:most]


def read_tag(raw: bytes, encoding: TagEncoding) -> str:
    """Return the text of a tag; what the encoding does not know becomes U+FFFD."""
    return clean_tag(raw.decode(encoding, "replace"))


class IngestResult(Message):
    """What was made of an upload."""

    audio: AudioFacts
    """The canonical audio."""
    kind: ItemKind
    """As declared, else judged by its length."""
    source: Source
    gain_db: Decibels = 0.0
    """What the audio was scaled by to lie within full scale: 0 or less."""
    levels: Levels
    silence: tuple[Span, ...] = ()
    """Every part of 200 ms or more in which no channel rises above -60 dBFS."""
    tags: dict[Tag, TagText] = Field(default_factory=dict)
    """Embedded tags: title, artist, album …; at most 64, cleaned of control characters."""
    tag_encoding: TagEncoding | None = None
    """What `raw_tags` were read as: the likeliest by all of them together. Where it is wrong, edit
    the item with another `tag_encoding`. `None` when there are none."""
    raw_tags: dict[Tag, Base64Bytes] = Field(default_factory=dict)
    """Tags that are not in Unicode and not plain ASCII, as they stand in the file, in base64."""
    remarks: tuple[Remark, ...] = ()
