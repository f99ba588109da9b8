"""Files on their way: digests, slices and safe names."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from cratedig.types import Artifact

BLOCK = 1 << 20
"""Bytes that are read or sent at a time."""

Told = Callable[[int, int], None]
"""Told how many bytes of how many are done."""


def silent(done: int, total: int) -> None:
    """Tell nobody."""


def digest(path: Path, told: Told = silent) -> tuple[int, str]:
    """Return a file's size in bytes and its SHA-256."""
    total = path.stat().st_size
    sha256 = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha256.update(block)
            done += len(block)
            told(done, total)
    return done, sha256.hexdigest()


def size_of(path: Path) -> int:
    """Return a file's size in bytes, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def part(path: Path, offset: int, size: int) -> bytes:
    """Return `size` bytes of a file from `offset`; parts are a few MiB."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def local_name(artifact: Artifact, item: str) -> str:
    """Return what a fetched file is called: the original as it was sent, others with their stem."""
    if artifact.kind == "original":
        return safe_name(item)
    stem = artifact.stem or ""
    named = artifact.name if artifact.name.startswith(stem) else f"{stem}-{artifact.name}"
    return safe_name(named)


def apart(path: Path, used: set[Path]) -> Path:
    """Return a path that is not used yet, numbered where it has to be; from now on it is used."""
    number, free = 1, path
    while free in used:
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    used.add(free)
    return free


def safe_name(name: str) -> str:
    """Return a name that is only a name: no folders, no control characters, never hidden."""
    kept = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in name)
    return kept.strip(" .")[:150] or "unnamed"
