"""Read ZIP archives that nobody vouches for (S18): bounded, and no name in them becomes a path."""

import hashlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from contracts.imports import MAX_FILES
from services.library.imports.files import is_audio

MAX_TOTAL = 20 << 30
"""Bytes of all files together, unpacked."""
MAX_RATIO, RATIO_FREE = 100, 1 << 20
"""A file may have so many bytes per packed byte, and this many more."""
MAX_DIRECTORY = 16 << 20
"""Bytes of the archive's directory: 10,000 names of 1,000 characters have less."""
MAX_TEXT = 1 << 20
"""Bytes of a manifest or a licence file."""
MAX_DEPTH = 32
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_END_64 = b"PK\x06\x06"
_ENCRYPTED, _UTF_8 = 0x01, 0x800
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NESTED = frozenset({".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".jar"})
_JUNK = frozenset({".ds_store", "thumbs.db", "desktop.ini", "icon\r"})
_CHUNK = 1 << 20


class BadArchive(Exception):
    """An archive that is not read at all; the message says why, for a person."""


class BadEntry(Exception):
    """A file of an archive that is not read; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive's directory."""

    position: int
    """Its place in the directory."""
    name: str
    """Its name with folders, as text; never used as a path."""
    size: int
    """As the directory states it."""
    refusal: str = ""
    """Why it is not read, if so."""
    skipped: str = ""
    """Why it is no sound, if so."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A file that was unpacked."""

    size: int
    sha256: str


class ZipReader:
    """An open ZIP archive. Close it after use; not for several threads at once.

    Raises
    ------
    BadArchive
        It is damaged, too large, or has too many files.
    """

    def __init__(self, path: Path) -> None:
        _check_directory(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
            raise BadArchive("The archive is damaged; pack and upload it again.") from error
        files = [info for info in self._zip.infolist() if not info.is_dir()]
        self._infos = [info for info in files if not _is_junk(info.filename)]
        try:
            self._check(path.stat().st_size)
        except BadArchive:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def entries(self) -> list[Entry]:
        """Return the files, in the order of the directory, without what file managers leave."""
        return [_entry(position, info) for position, info in enumerate(self._infos)]

    def text(self, position: int) -> str:
        """Return a text file of at most 1 MiB; bytes that are no UTF-8 are replaced.

        Raises
        ------
        BadEntry
        """
        body = bytearray()
        for chunk in self._chunks(self._infos[position]):
            body += chunk
            if len(body) > MAX_TEXT:
                raise BadEntry(f"The text has more than {MAX_TEXT} bytes.")
        return body.decode("utf-8-sig", "replace")

    def unpack(self, position: int, path: Path, limit: int) -> Unpacked:
        """Write a file of at most `limit` bytes to a path and return its digest.

        Raises
        ------
        BadEntry
            It is damaged, or larger than the directory states or the limits allow.
        """
        digest, size = hashlib.sha256(), 0
        info = self._infos[position]
        if info.file_size > limit:
            raise BadEntry(f"The file has {info.file_size} bytes; at most {limit} are imported.")
        with path.open("wb") as file:
            for chunk in self._chunks(info):
                size += len(chunk)
                file.write(chunk)
                digest.update(chunk)
        return Unpacked(size, digest.hexdigest())

    def _chunks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        """Yield a file in pieces, with a running count.

        Raises
        ------
        BadEntry
        """
        if refusal := _refusal(info):
            raise BadEntry(refusal)
        size = 0
        try:
            with self._zip.open(info) as file:
                while chunk := file.read(_CHUNK):
                    size += len(chunk)
                    if size > info.file_size:
                        raise BadEntry("The file is larger than the archive states.")
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError):
            raise BadEntry("The file is damaged in the archive.") from None

    def _check(self, size: int) -> None:
        if len(self._infos) > MAX_FILES:
            raise BadArchive(f"The archive has more than {MAX_FILES} files; split it.")
        if sum(info.file_size for info in self._infos) > MAX_TOTAL:
            raise BadArchive(f"Unpacked, the archive has more than {MAX_TOTAL} bytes; split it.")
        # Files that share their packed bytes make a small archive unpack to a huge one.
        if sum(info.compress_size for info in self._infos) > size:
            raise BadArchive("The files of the archive overlap; pack it again.")


def _check_directory(path: Path) -> None:
    """Refuse an archive whose directory is too large to be read into memory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        tail_start = max(0, size - _END_SIZE - 0xFFFF)
        file.seek(tail_start)
        tail = file.read()
        at = tail.rfind(_END)
        if at < 0 or len(tail) < at + _END_SIZE:
            raise BadArchive("The file is no ZIP archive. Only ZIP archives are imported.")
        count, directory = struct.unpack_from("<HI", tail, at + 10)
        locator = tail[max(0, at - _LOCATOR_SIZE) : at]
        if locator[:4] == _LOCATOR:
            count, directory = _read_end_64(file, struct.unpack_from("<Q", locator, 8)[0])
    if count > MAX_FILES:
        raise BadArchive(f"The archive has {count} entries; at most {MAX_FILES} are imported.")
    if directory > MAX_DIRECTORY:
        raise BadArchive("The directory of the archive is too large; split the archive.")


def _read_end_64(file: BinaryIO, at: int) -> tuple[int, int]:
    """Return the number of entries and the size of the directory of a large archive."""
    try:
        file.seek(at)
        record = file.read(56)
        if record[:4] != _END_64:
            raise BadArchive("The archive is damaged; pack and upload it again.")
        count, directory = struct.unpack_from("<QQ", record, 32)
    except (struct.error, OSError, OverflowError, ValueError):
        raise BadArchive("The archive is damaged; pack and upload it again.") from None
    return count, directory


def _entry(position: int, info: zipfile.ZipInfo) -> Entry:
    name = _name_of(info)
    refusal = _refusal(info)
    skipped = "" if refusal or is_audio(name) else "It is no sound, by its suffix."
    return Entry(position, name, info.file_size, refusal, skipped)


def _refusal(info: zipfile.ZipInfo) -> str:
    """Return why an entry is not read; empty if it is."""
    name = info.orig_filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    absolute = name.startswith(("/", "\\")) or name[1:2] == ":"
    if not name or "\0" in name or absolute or ".." in parts:
        return "Its name leaves the archive: absolute names, drives and `..` are not imported."
    if len(parts) > MAX_DEPTH:
        return f"It lies more than {MAX_DEPTH} folders deep."
    mode = info.external_attr >> 16
    if info.create_system == 3 and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "It is a link or a special file; only plain files are imported."
    if info.flag_bits & _ENCRYPTED:
        return "It is encrypted; pack it without a password."
    if info.compress_type not in _METHODS:
        return "It is packed by a method other than Deflate; pack it with another program."
    if info.file_size > info.compress_size * MAX_RATIO + RATIO_FREE:
        return f"Unpacked it is more than {MAX_RATIO} times as large, as a decompression bomb is."
    if parts and PurePosixPath(parts[-1].lower()).suffix in _NESTED:
        return "It is an archive within the archive; those are not opened. Import it by itself."
    return ""


def _name_of(info: zipfile.ZipInfo) -> str:
    """Return the name of an entry with `/` between folders.

    Without the flag for UTF-8 a name is in code page 437 by the standard, but many programs write
    UTF-8 all the same.
    """
    name = info.orig_filename
    if not info.flag_bits & _UTF_8:
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            name = info.orig_filename
    printable = "".join(c if c.isprintable() else "_" for c in name.replace("\\", "/"))
    return "/".join(part for part in printable.split("/") if part not in ("", "."))


def _is_junk(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/").lower()).parts
    return not parts or parts[0] == "__macosx" or parts[-1] in _JUNK or parts[-1].startswith("._")
