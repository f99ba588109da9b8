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

Sha256 = Annotated[
    str, pattern_string(r"^[0-9a-f]{64}$", "a SHA-256 has 64 hexadecimal digits, in small letters")
]
"""A SHA-256 digest in lower-case hexadecimal."""
MediaType = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[A-Za-z0-9.+-]+$", max_length=100)]
"""A media type, such as `audio/flac`."""
ArtifactName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}\.[a-z0-9]{1,10}$")
]
"""A file's name inside its job: server-made, lower case, one dot."""


METADATA_ENTRIES = 64
METADATA_BYTES = 32_768
"""Of all names and values of an item's metadata in UTF-8: lists show it with every item."""


def metadata_size(metadata: Mapping[str, str]) -> int:
    """Return how many bytes metadata has in UTF-8, names included."""
    # Half a surrogate has no UTF-8, and is refused elsewhere.
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
"""What a user says of an item, by names of the user's choice; at most 32,768 bytes in UTF-8."""


def _a_part(stem: Stem) -> Stem:
    if stem is Stem.MIX:
        raise ValueError("a mix is no single part of a song; leave the stem out")
    return stem


PartOfSong = Annotated[Stem, AfterValidator(_a_part)]
"""A stem that an item can be declared as."""


class ItemKind(StrEnum):
    """What an item is to a musician."""

    TRACK = "track"
    """A whole song or mix."""
    STEM = "stem"
    """One part of a track."""
    SAMPLE = "sample"
    """A one-shot or a loop."""
    RECORDING = "recording"
    """A take, a field recording, anything else that was recorded."""


class ItemState(StrEnum):
    """Where an item is on its way into the catalogue."""

    INGESTING = "ingesting"
    READY = "ready"
    REJECTED = "rejected"


class ArtifactKind(StrEnum):
    """What a stored file is."""

    ORIGINAL = "original"
    """The uploaded bytes, untouched."""
    CANONICAL = "canonical"
    """The FLAC that every service but ingest reads."""
    PEAKS = "peaks"
    """A waveform in audiowaveform's `.dat` form."""
    STEM = "stem"
    SAMPLE = "sample"
    LOOP = "loop"
    MIDI = "midi"
    NOTES = "notes"
    LYRICS = "lyrics"
    TAGS = "tags"
    EMBEDDING = "embedding"
    SLICES = "slices"
    """Where the samples of a track start and end."""
    ANALYSIS = "analysis"
    IMAGE = "image"


class TagEncoding(StrEnum):
    """How the tags of a file that are not in Unicode may be read."""

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
    """Where an item was cut from."""

    parent: ItemId
    job: JobId | None = None
    """The job that made it."""
    stem: Stem | None = None
    start: Samples | None = None
    """First sample in the parent's canonical audio."""
    end: Samples | None = None
    """One past the last sample in the parent's canonical audio."""


class AudioFacts(Message):
    """What is known of an item's canonical audio."""

    duration: Seconds
    sample_rate: SampleRate
    channels: Annotated[int, Field(ge=1, le=2)]
    samples: Samples


class Artifact(Message):
    """A stored file as the API shows it."""

    id: ArtifactId
    subject: Subject
    """What it belongs to: an item, or what its job worked on."""
    job: JobId | None
    kind: ArtifactKind
    name: str
    media_type: MediaType
    size: Annotated[int, Field(ge=0)]
    """In bytes."""
    sha256: Sha256
    stem: Stem | None = None
    created: datetime


class Item(Message):
    """An item as the API shows it."""

    id: ItemId
    kind: ItemKind
    state: ItemState
    name: str
    stem: Stem | None = None
    """Which part of a song it holds: as its uploader said, or as the job that cut it did."""
    metadata: dict[str, str] = Field(default_factory=dict)
    """What the user, or the file's embedded tags, say of it: artist, title, licence …"""
    audio: AudioFacts | None = None
    bpm: Bpm | None = None
    lineage: Lineage | None = None
    rejection: str | None = None
    """Why the file was refused, for a person; only in state `rejected`."""
    created: datetime
    updated: datetime


class ItemEdit(StrictModel):
    """What an owner may change of an item; what is absent stays."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    kind: ItemKind | None = None
    stem: PartOfSong | None = None
    """Which part of a song it holds; null for none."""
    metadata: Metadata | None = None
    """Replaces the whole of the metadata."""
    tag_encoding: TagEncoding | None = None
    """Reads the file's own tags again, where they are garbled because the file does not say how
    they are encoded. The bytes stand in the ingest job's result as `raw_tags`, and what they were
    read as stands in its `tag_encoding`. Metadata that was edited since stays."""
    bpm: Bpm | None = None
