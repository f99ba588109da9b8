"""Local files: digests and slices."""

import hashlib
from collections.abc import Callable
from pathlib import Path

BLOCK = 1 << 20
"""Size of a block to read or send, in bytes."""

OnBytes = Callable[[int, int], None]
"""A callback with the completed and the total number of bytes."""


def no_progress(done: int, total: int) -> None:
    """Ignore the progress."""


def digest(path: Path) -> tuple[int, str]:
    """Return a file's size in bytes and its SHA-256."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), sha256


def size_of(path: Path) -> int:
    """Return a file's size in bytes, or 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0


def read_part(path: Path, offset: int, size: int) -> bytes:
    """Return `size` bytes of a file from `offset`; parts are a few MiB."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
