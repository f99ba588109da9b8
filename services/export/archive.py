"""A ZIP archive whose bytes depend on its content alone, written as a stream.

Members are stored, not compressed: audio does not shrink by much, and the output of a compressor
depends on its version. Time stamps are those of the ZIP format's first day, and modes are fixed.
"""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from services.export.bundle import FileSource

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_FILE_MODE = 0o100644
_COPIED = 1 << 20


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file of an archive."""

    name: str
    """With its folders, separated by `/`."""
    media_type: str
    size: int
    sha256: str
    sources: tuple[FileSource, ...]
    """Stored files that it was written from."""


class Member:
    """Writes one file of an archive."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        """Bytes written so far."""

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes written so far, in hexadecimal."""
        return self._digest.hexdigest()


class Archive:
    """Writes a ZIP archive; a context manager. The file is removed when the `with` block raises."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True)
        self.files: list[ArchivedFile] = []
        """What was added, in order."""

    @contextmanager
    def member(
        self, name: str, media_type: str, *, size: int = 0, sources: Iterable[FileSource] = ()
    ) -> Iterator[Member]:
        """Add a file and write it in the `with` block.

        Parameters
        ----------
        name
            With folders, separated by `/`; unique in the archive.
        size
            About how many bytes it will have, so that large files get 64-bit sizes.

        Raises
        ------
        ValueError
            The archive already has a file of this name.
        """
        if any(file.name == name for file in self.files):
            raise ValueError(f"the archive already has a file named {name!r}")
        info = zipfile.ZipInfo(name, _EPOCH)
        info.create_system = _UNIX
        info.external_attr = _FILE_MODE << 16
        with self._zip.open(info, "w", force_zip64=size >= zipfile.ZIP64_LIMIT) as file:
            member = Member(file)
            yield member
        self.files.append(
            ArchivedFile(name, media_type, member.size, member.sha256, tuple(sources))
        )

    def add(
        self, name: str, data: bytes | str, media_type: str, *, sources: Iterable[FileSource] = ()
    ) -> None:
        """Add a small file; text is written as UTF-8. Raises `ValueError` like `member`."""
        content = data.encode() if isinstance(data, str) else data
        with self.member(name, media_type, size=len(content), sources=sources) as member:
            member.write(content)

    def copy(
        self, name: str, path: Path, media_type: str, *, sources: Iterable[FileSource] = ()
    ) -> None:
        """Add a copy of a local file. Raises `ValueError` like `member`."""
        size = path.stat().st_size
        with (
            path.open("rb") as file,
            self.member(name, media_type, size=size, sources=sources) as member,
        ):
            while data := file.read(_COPIED):
                member.write(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)
