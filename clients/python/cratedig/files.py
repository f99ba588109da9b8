"""Files on their way: digests and slices."""

import hashlib
from collections.abc import Callable
from pathlib import Path

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
