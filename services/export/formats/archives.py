"""Write ZIP and tar archives whose bytes depend on nothing but their content."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfileobj

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that a ZIP archive can hold."""
_UNIX = 3
_MODE = 0o644
_BUFFER = 1 << 20

Content = bytes | Path
"""The content of an archived file: the bytes themselves, or a local file to copy."""


def write_stored_zip(path: Path, files: Sequence[tuple[str, Content]]) -> None:
    """Write a ZIP archive without compression, its files in the given order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            with archive.open(entry, "w", force_zip64=False) as target:
                if isinstance(content, Path):
                    with content.open("rb") as source:
                        copyfileobj(source, target, _BUFFER)
                else:
                    target.write(content)


def write_tar_gz(path: Path, files: Sequence[tuple[str, Content]]) -> None:
    """Write a tar archive compressed with gzip, its files in the given order."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.mode = _MODE
            if isinstance(content, Path):
                entry.size = content.stat().st_size
                with content.open("rb") as source:
                    archive.addfile(entry, source)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
