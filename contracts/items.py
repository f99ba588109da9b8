"""Items of the catalogue, their lineage, and the artifacts that belong to them."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from contracts.base import Message, StrictModel, pattern_string
from contracts.ids import ArtifactId, ItemId, JobId
from contracts.music import Bpm, SampleRate, Samples, Seconds, Stem
from contracts.subjects import Subject
from contracts.tags import ItemTag, Rating

Sha256 = Annotated[
    str, pattern_string(r"^[0-9a-f]{64}$", "a SHA-256 has 64 hexadecimal digits in lower case")
]
"""A SHA-256 digest in lower-case hexadecimal."""
MediaType = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[A-Za-z0-9.+-]+$", max_length=100)]
"""A media type, such as `audio/flac`."""
ArtifactName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}\.[a-z0-9]{1,10}$")
]
"""A file's name inside its job: chosen by the server, lower case, one dot."""


METADATA_ENTRIES = 64
METADATA_BYTES = 32_768
"""Limit of all names and values in UTF-8, because lists return the metadata of every item."""


def metadata_size(metadata: Mapping[str, str]) -> int:
    """Return the size of metadata in UTF-8 in bytes, names included."""
    # A lone surrogate has no UTF-8 form; other validation refuses it.
    return sum(len(part.encode(errors="replace")) for pair in metadata.items() for part in pair)


def _small(metadata: dict[str, str]) -> dict[str, str]:
    if (size := metadata_size(metadata)) > METADATA_BYTES:
        raise ValueError(
            f"at most {METADATA_BYTES} bytes in UTF-8, names included; this has {size}"
        )
    return metadata


Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64)],
        Annotated[str, StringConstraints(max_length=2000)],
    ],
    Field(max_length=METADATA_ENTRIES),
    AfterValidator(_small),
]
"""Free-form metadata of an item: names and values, at most 32,768 bytes in UTF-8."""


def _a_part(stem: Stem) -> Stem:
    if stem is Stem.MIX:
        raise ValueError("`mix` is not a single part of a song; leave `stem` out")
    return stem


PartOfSong = Annotated[Stem, AfterValidator(_a_part)]
"""A stem that a user can declare an item as."""


class ItemKind(StrEnum):
    """The musical kind of an item."""

    TRACK = "track"
    """A whole song or mix."""
    STEM = "stem"
    """One part of a track."""
    SAMPLE = "sample"
    """A one-shot or a loop."""
    RECORDING = "recording"
    """A take, a field recording or any other recording."""


class ItemState(StrEnum):
    """The ingest state of an item: only `ready` items can be processed."""

    INGESTING = "ingesting"
    READY = "ready"
    REJECTED = "rejected"


class ArtifactKind(StrEnum):
    """The kind of a stored file."""

    ORIGINAL = "original"
    """The uploaded bytes, unchanged."""
    CANONICAL = "canonical"
    """The decoded audio as FLAC, which every task but ingest reads."""
    PEAKS = "peaks"
    """A waveform in audiowaveform's `.dat` format."""
    STEM = "stem"
    SAMPLE = "sample"
    LOOP = "loop"
    MIDI = "midi"
    NOTES = "notes"
    POSTERIORS = "posteriors"
    """What the network of `midi` estimated, from which notes are read again at other thresholds."""
    LYRICS = "lyrics"
    TAGS = "tags"
    EMBEDDING = "embedding"
    SLICES = "slices"
    """The slices of a track with their positions."""
    ANALYSIS = "analysis"
    IMAGE = "image"
    BUNDLE = "bundle"
    """A ZIP archive for a DAW, a sampler or a player."""


class TagEncoding(StrEnum):
    """A text encoding in which tags that are not in Unicode can be read."""

    CP1252 = "cp1252"
    """Western European; Latin-1 is a part of it."""
    UTF_8 = "utf-8"
    CP1251 = "cp1251"
    """Cyrillic."""
    KOI8_R = "koi8-r"
    """Cyrillic, older."""
    CP932 = "cp932"
    """Japanese (Shift-JIS)."""
    GB18030 = "gb18030"
    """Simplified Chinese; GB2312 and GBK are parts of it."""
    CP950 = "cp950"
    """Traditional Chinese (Big5)."""
    CP949 = "cp949"
    """Korean; EUC-KR is a part of it."""
    CP1250 = "cp1250"
    """Central European."""
    CP1253 = "cp1253"
    """Greek."""
    CP1254 = "cp1254"
    """Turkish."""
    CP1255 = "cp1255"
    """Hebrew."""
    CP1256 = "cp1256"
    """Arabic."""
    CP874 = "cp874"
    """Thai."""


class Lineage(Message):
    """The parent that an item was cut from, and the range of samples."""

    parent: ItemId
    job: JobId | None = None
    """The job that created the item."""
    stem: Stem | None = None
    start: Samples | None = None
    """First sample in the parent's canonical audio."""
    end: Samples | None = None
    """One past the last sample in the parent's canonical audio."""


class AudioFacts(Message):
    """Duration and format of an item's canonical audio."""

    duration: Seconds
    sample_rate: SampleRate
    channels: Annotated[int, Field(ge=1, le=2)]
    samples: Samples


class Artifact(Message):
    """A stored file."""

    id: ArtifactId
    subject: Subject
    """The item or other subject that the file belongs to."""
    job: JobId | None
    kind: ArtifactKind
    name: str
    media_type: MediaType
    size: Annotated[int, Field(ge=0)]
    """Size in bytes."""
    sha256: Sha256
    stem: Stem | None = None
    created: datetime


class Item(Message):
    """An item of the catalogue."""

    id: ItemId
    kind: ItemKind
    state: ItemState
    name: str
    stem: Stem | None = None
    """The part of a song that it holds, as declared by its uploader or set by the job."""
    metadata: dict[str, str] = Field(default_factory=dict)
    """Metadata from the user or from the file's embedded tags: artist, title, licence …"""
    favourite: bool = False
    """Whether it is in the user's collection of favourites."""
    rating: Rating | None = None
    tags: tuple[ItemTag, ...] = ()
    """Custom tags, in the order in which the user added them."""
    audio: AudioFacts | None = None
    bpm: Bpm | None = None
    """The tempo: the user's, if it is corrected."""
    corrected: dict[str, str | float | bool] = Field(default_factory=dict)
    """What its user corrected, by field of `/corrections`: the value of `class`, `tempo` and `key`,
    true for others."""
    lineage: Lineage | None = None
    rejection: str | None = None
    """Why ingest rejected the file, as text for a person; only in state `rejected`."""
    created: datetime
    updated: datetime


class HiddenItem(Message):
    """An item that its owner deleted, which can be restored with everything cut from it."""

    item: Item
    hidden_at: datetime
    deleted_for_good_at: datetime
    """From then on it cannot be restored; its bytes count as stored until then."""


class ItemEdit(StrictModel):
    """Request body to change an item; absent fields stay as they are."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    kind: ItemKind | None = None
    stem: PartOfSong | None = None
    """The part of a song that it holds; null for none."""
    metadata: Metadata | None = None
    """Replaces all of the metadata."""
    tag_encoding: TagEncoding | None = None
    """Decode the file's embedded tags again with this encoding, if they are garbled because the
    file does not declare one. The ingest job's result holds the bytes as `raw_tags` and the
    encoding used as `tag_encoding`. Metadata that was edited since then stays."""
    bpm: Bpm | None = None
    rating: Rating | None = None
    """0 to 5; null for no rating."""
