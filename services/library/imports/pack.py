"""What a pack says of its sounds, in its manifest, its folders and its licence file."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pydantic import Field, ValidationError

from contracts.base import Message
from contracts.ingest import clean_tag
from contracts.items import ItemKind
from contracts.music import Bpm, Stem
from services.library.imports.archive import BadEntry, Entry, ZipReader
from services.library.imports.files import (
    MAX_NAME,
    FileDetails,
    clean_metadata,
    clean_tags,
    tags_of_folders,
)
from services.library.imports.licences import known_licence

MANIFEST = "manifest.json"
"""A manifest as exports write it: `format` is `cratedig.bundle`."""
_LICENCE_FILES = ("license", "licence", "copying", "eula", "terms")
_TEXTS = frozenset({"", ".txt", ".md", ".html", ".rtf"})
NOTE_LENGTH = 2000


class _ManifestItem(Message):
    """What the manifest of a bundle says of the item that a file was made from."""

    name: str = ""
    kind: ItemKind | None = None
    stem: Stem | None = None
    bpm: Bpm | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)


class _ManifestSource(Message):
    item: str = ""
    facts: _ManifestItem | None = None
    rights: dict[str, Any] = Field(default_factory=dict)


class _ManifestFile(Message):
    name: str
    sources: tuple[_ManifestSource, ...] = ()


class _Manifest(Message):
    format: str
    title: str = ""
    files: tuple[_ManifestFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """The content of a pack."""

    title: str
    note: str
    """The text of its licence file, cut to the length of a collection's note."""
    files: list[tuple[Entry, FileDetails]] = field(default_factory=list)


def read_pack(archive: ZipReader, name: str) -> Pack:
    """Return the sounds of an archive and what it says of them.

    Parameters
    ----------
    name
        Name of the archive's file; the title of a pack whose manifest has none.
    """
    entries = archive.entries()
    root = _root_of(entries)
    manifest = _read_manifest(archive, entries, root)
    licence_file, licence_text = _read_licence(archive, entries, root)
    title = (manifest.title if manifest else "") or root or PurePosixPath(name).stem
    title = clean_tag(title, 100) or "Pack"
    shared = {"pack": title}
    if licence_file:
        shared["licence"] = known_licence(licence_text) or f"{licence_file} of {title}"
    described = _describe(manifest) if manifest else {}
    files = []
    for entry in entries:
        inside = entry.name.removeprefix(f"{root}/") if root else entry.name
        details = described.get(inside) or _from_folders(entry, root)
        metadata = clean_metadata({**shared, **details.metadata})
        files.append((entry, details.model_copy(update={"metadata": metadata})))
    return Pack(title, licence_text[:NOTE_LENGTH].strip(), files)


def _root_of(entries: list[Entry]) -> str:
    """Return the folder that holds all files, if there is one."""
    roots = {entry.name.partition("/")[0] for entry in entries}
    inside = all("/" in entry.name for entry in entries)
    return roots.pop() if inside and len(roots) == 1 else ""


def _read_manifest(archive: ZipReader, entries: list[Entry], root: str) -> _Manifest | None:
    """Return the manifest of an export; `None` if there is none, or it is not readable."""
    path = f"{root}/{MANIFEST}" if root else MANIFEST
    for entry in entries:
        if entry.name == path and not entry.refusal:
            try:
                manifest = _Manifest.model_validate(json.loads(archive.text(entry.position)))
            except (BadEntry, ValidationError, ValueError, RecursionError):
                return None
            return manifest if manifest.format == "cratedig.bundle" else None
    return None


def _describe(manifest: _Manifest) -> Mapping[str, FileDetails]:
    """Return what a manifest says of each file.

    An item from which several files were made is described by none of them: of a song that was cut
    into samples the name and tags are those of the song. Its rights count for all.
    """
    counts = Counter(source.item for file in manifest.files for source in file.sources)
    described = {}
    for file in manifest.files:
        if not file.sources:
            continue
        source = file.sources[0]
        facts = source.facts or _ManifestItem()
        alone = len(file.sources) == 1 and counts[source.item] == 1
        rights = {
            name: str(source.rights[name])
            for name in ("licence", "artist", "title", "copyright", "url")
            if source.rights.get(name)
        }
        name = clean_tag(facts.name, MAX_NAME) if alone else ""
        described[file.name] = FileDetails(
            name=name or PurePosixPath(file.name).name,
            kind=facts.kind if alone else None,
            stem=facts.stem if alone and facts.stem is not Stem.MIX else None,
            bpm=facts.bpm if alone else None,
            metadata={**rights, **(facts.metadata if alone else {})},
            tags=clean_tags(list(facts.tags)) if alone else (),
        )
    return described


def _from_folders(entry: Entry, root: str) -> FileDetails:
    name = clean_tag(PurePosixPath(entry.name).name, MAX_NAME)
    return FileDetails(name=name or "untitled", tags=tags_of_folders(entry.name, root=root))


def _read_licence(archive: ZipReader, entries: list[Entry], root: str) -> tuple[str, str]:
    """Return name and text of the licence file at the top of a pack; empty if there is none."""
    for entry in entries:
        path = PurePosixPath(entry.name.removeprefix(f"{root}/") if root else entry.name)
        stem, suffix = path.stem.lower(), path.suffix.lower()
        if len(path.parts) > 1 or suffix not in _TEXTS or entry.refusal:
            continue
        if any(word in stem for word in _LICENCE_FILES):
            try:
                return path.name, archive.text(entry.position)
            except BadEntry:
                continue
    return "", ""
