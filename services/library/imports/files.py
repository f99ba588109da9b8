"""What an import knows of a file before it reads it, and the rules for names and tags."""

import re
from pathlib import PurePosixPath

from pydantic import Field, TypeAdapter, ValidationError

from contracts.base import Message
from contracts.ingest import clean_tag
from contracts.items import METADATA_BYTES, METADATA_ENTRIES, ItemKind, metadata_size
from contracts.music import Bpm, Stem
from contracts.tags import MAX_TAGS, TagName

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff"}
    | {".aifc", ".w64", ".caf", ".wma", ".wv", ".tta", ".au", ".snd", ".ac3"}
)
"""Suffixes of files that an import reads; ingest then judges the bytes."""
MAX_NAME = 255
_MAX_VALUE = 2000
_PLAIN_FOLDERS = frozenset({"wav", "wavs", "audio", "samples", "sounds", "files"})
"""Names of folders that say nothing about a sound."""
_SEPARATORS = re.compile(r"[/\\,]+")
_TAG: TypeAdapter[str] = TypeAdapter(TagName)


class FileDetails(Message):
    """What the item of a file gets besides its bytes."""

    name: str
    """Name of the item."""
    kind: ItemKind | None = None
    stem: Stem | None = None
    bpm: Bpm | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    tags: tuple[str, ...] = ()


def is_audio(name: str) -> bool:
    """Return whether a file's suffix is that of a sound."""
    return PurePosixPath(name.lower()).suffix in AUDIO_SUFFIXES


def clean_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Return metadata on one line each, without empty values, as far as an item has room."""
    kept: dict[str, str] = {}
    size = 0
    for name, text in metadata.items():
        entry = {clean_tag(name, 64): clean_tag(text, _MAX_VALUE)}
        size += metadata_size(entry)
        if all(entry) and all(entry.values()):
            if len(kept) == METADATA_ENTRIES or size > METADATA_BYTES:
                break
            kept |= entry
    return kept


def clean_tags(names: list[str]) -> tuple[str, ...]:
    """Return those names that can be tags; slashes, backslashes and commas become spaces."""
    tags = []
    for name in names:
        try:
            tags.append(_TAG.validate_python(clean_tag(_SEPARATORS.sub(" ", name), 64)))
        except ValidationError:
            continue
    return tuple(dict.fromkeys(tags))[:MAX_TAGS]


def tags_of_folders(path: str, *, root: str) -> tuple[str, ...]:
    """Return the folders of a file in a pack as tags: at most four, without the pack's own."""
    folders = list(PurePosixPath(path).parts[:-1])
    if root and folders[:1] == [root]:
        folders = folders[1:]
    return clean_tags([name for name in folders if name.lower() not in _PLAIN_FOLDERS][:4])
