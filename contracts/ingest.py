"""`ingest`: decode an upload to canonical audio, and measure and describe it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Base64Bytes, Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.items import AudioFacts, ItemKind, TagEncoding
from contracts.music import Bpm, Decibels, KeyLabel, MidiNote, Samples, Seconds

CANONICAL = "canonical.flac"
"""The artifact that holds the canonical audio."""
PEAKS = "peaks.dat"
"""The artifact that holds the waveform."""

MAX_CHANNELS = 8
MIN_RATE = 8_000
MAX_RATE = 384_000
MAX_RATIO = 500
"""Maximum ratio of decoded to uploaded bytes; more is a decompression bomb. Speech at 6 kbit/s that
is silent half of the time reaches 400."""
RATIO_FREE = 512 << 20
"""Bytes of decoded audio below which the ratio is not checked: silence compresses very well, and a
silent track of ten minutes is no bomb."""
MAX_TAG_BYTES = 256 << 20
"""Maximum size of tags and pictures in FLAC, whose decoder holds them in memory; the decoders of
other formats skip them."""

EmbeddedTagName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MAX_TAG_TEXT = 2000
EmbeddedTagText = Annotated[str, StringConstraints(max_length=MAX_TAG_TEXT)]


class IngestParams(StrictModel):
    """The limits that the server sets for an upload."""

    min_duration: Annotated[Seconds, Field(le=60)] = 0.005
    """Shorter audio is rejected; 5 ms is the shortest click worth keeping."""
    max_duration: Annotated[Seconds, Field(gt=0, le=86_400)] = 4 * 3600.0
    """Longer audio is rejected, as measured while decoding."""
    max_bytes: Annotated[int, Field(gt=0)] = 12 << 30
    """Limit of samples · channels · 4 bytes of the decoded audio. Four hours of stereo at 96 kHz
    take 10.3 GiB; decoding this much keeps one processor busy for about a minute."""


class RejectionReason(StrEnum):
    """Why ingest rejected an upload, as a code for programs; `Reason.message` is for people."""

    EMPTY = "empty"
    """The file has no bytes or no audio."""
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    """The decoded audio exceeds `max_bytes`."""
    TOO_DENSE = "too_dense"
    """The decoded audio is suspiciously large for the size of the file."""
    CHANNELS = "channels"
    RATE = "rate"
    TAGS = "tags"
    """Its tags or pictures exceed the size limit."""
    PLAYLIST = "playlist"
    """It lists other files instead of holding audio."""
    ARCHIVE = "archive"
    UNSUPPORTED = "unsupported"
    """Its format is not supported."""
    NO_AUDIO = "no_audio"
    """The container has no audio track."""
    DAMAGED = "damaged"
    """It cannot be decoded."""
    TIMEOUT = "timeout"
    """Decoding exceeded the time limit."""
    CRASH = "crash"
    """The sandboxed decoder crashed."""


class Remark(StrEnum):
    """A defect or change of an upload that ingest accepted."""

    DAMAGED = "damaged"
    """Parts could not be decoded and are missing."""
    TRUNCATED = "truncated"
    """The file is cut short: it ends early or holds less audio than its header states."""
    DELAYED = "delayed"
    """The audio starts after the beginning of the file's timeline; silence fills the gap that
    `source.start` states."""
    RESAMPLED = "resampled"
    """FLAC cannot store its sample rate, so it was resampled to the nearest possible one."""
    DOWNMIXED = "downmixed"
    """It had more than two channels."""
    SCALED = "scaled"
    """Samples exceeded full scale, so all of the audio was scaled by `gain_db`."""
    REPAIRED = "repaired"
    """Samples that were NaN, infinite or absurdly large were replaced by silence."""
    SILENT = "silent"
    """Nothing is louder than -60 dBFS."""
    FIRST_OF_MANY = "first_of_many"
    """It had several audio tracks, of which the first was decoded."""


class SourceFormat(Message):
    """The format of the uploaded file."""

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
    """Duration that the header states, if any."""
    start: float = 0.0
    """Start of the audio on the file's timeline, in seconds. Silence fills the gap after 0; audio
    before 0 is cut off."""
    decoder: str = ""
    """The decoder, its version and its sandbox; results depend on the decoder."""


class Span(Message):
    """A range of samples of the canonical audio."""

    start: Samples
    """Its first sample."""
    end: Samples
    """One past its last sample."""


class Levels(Message):
    """Loudness and peaks of the canonical audio."""

    integrated_lufs: Decibels | None
    """ITU-R BS.1770-4, gated; `None` for silence and for less than 400 ms."""
    true_peak_dbtp: Decibels | None
    """ITU-R BS.1770-4 annex 2, relative to full scale; `None` for digital silence."""
    sample_peak_dbfs: Decibels | None
    """`None` for digital silence."""
    dc_offset: tuple[Annotated[float, Field(ge=-1, le=1)], ...]
    """The mean of each channel; full scale is 1."""
    clipped_samples: Annotated[int, Field(ge=0)]
    """Clipped samples of the upload: those in runs of three or more equal values at or above full
    scale less one 16-bit step, counted before scaling. A round peak above full scale is not
    clipped."""


class StatedIn(StrEnum):
    """The part of a file that states its tempo or key."""

    CHUNK = "chunk"
    """The chunk `acid` of a WAV file."""
    TAG = "tag"
    """An embedded tag, such as ID3 `TBPM` and `TKEY`, or Vorbis `BPM`, `KEY` and `INITIALKEY`."""
    NAME = "name"
    """The file's name, such as `Kick_128bpm_Am.wav`."""


class StatedMusic(Message):
    """What a file states about its music; nothing of it is measured."""

    bpm: Bpm | None = None
    bpm_in: StatedIn | None = None
    key: KeyLabel | None = None
    key_in: StatedIn | None = None
    one_shot: bool | None = None
    """Whether `acid` marks a one-shot; `None` if the file has no such chunk."""
    root_note: MidiNote | None = None
    """The note that the sound has at its original speed, by `acid` or `smpl`."""
    loop: tuple[Samples, Samples] | None = None
    """The first sample of the loop in `smpl` and one past its last one, at the file's own rate."""


def clean_tag(text: str, max_length: int = MAX_TAG_TEXT) -> str:
    """Return text without control characters and lone surrogates, on one line, cut to length."""
    printable = "".join(
        " " if char.isspace() else char
        for char in text
        if (char.isprintable() or char.isspace()) and not "\ud800" <= char <= "\udfff"
    )
    return " ".join(printable.split())[:max_length]


def read_tag(raw: bytes, encoding: TagEncoding) -> str:
    """Decode a tag; bytes that are invalid in the encoding become U+FFFD."""
    return clean_tag(raw.decode(encoding, "replace"))


class IngestResult(Message):
    """The result of ingest."""

    audio: AudioFacts
    """The canonical audio."""
    kind: ItemKind
    """As declared, otherwise chosen by duration."""
    source: SourceFormat
    gain_db: Decibels = 0.0
    """Gain that brought the audio within full scale: 0 or less."""
    levels: Levels
    silence: tuple[Span, ...] = ()
    """Every range of 200 ms or more in which no channel exceeds -60 dBFS."""
    tags: dict[EmbeddedTagName, EmbeddedTagText] = Field(default_factory=dict)
    """Embedded tags: title, artist, album …; at most 64, cleaned of control characters."""
    tag_encoding: TagEncoding | None = None
    """The encoding used for `raw_tags`, detected from all of them together. If it is wrong, edit
    the item with another `tag_encoding`. `None` if there are no `raw_tags`."""
    raw_tags: dict[EmbeddedTagName, Base64Bytes] = Field(default_factory=dict)
    """The original bytes of tags that are neither Unicode nor ASCII, in base64."""
    remarks: tuple[Remark, ...] = ()
    stated: StatedMusic = StatedMusic()
