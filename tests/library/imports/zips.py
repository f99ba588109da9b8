"""ZIP archives for tests, good and bad ones."""

import io
import json
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CC0 = "CC0 1.0 Universal\n\nNo copyright."


def zipped(files: Mapping[str, bytes | str], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of files by name."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return body.getvalue()


def with_link(name: str = "link.wav") -> bytes:
    """Return an archive with a symbolic link to a file outside of it."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return body.getvalue()


def renamed(archive: bytes, old: bytes, new: bytes) -> bytes:
    """Return an archive in which a name is replaced by one of the same length."""
    assert len(old) == len(new)
    return archive.replace(old, new)


def overlapping(copies: int = 50) -> bytes:
    """Return an archive whose entries all have the same packed bytes."""
    single = zipped({"a.wav": bytes(range(256)) * 4}, method=zipfile.ZIP_STORED)
    end = single.rfind(b"PK\x05\x06")
    start = struct.unpack_from("<I", single, end + 16)[0]
    directory = single[start:end] * copies
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, copies, copies, len(directory), start, 0)
    return single[:start] + directory + tail


def claiming(archive: bytes, entries: int) -> bytes:
    """Return an archive whose end states another number of entries."""
    end = archive.rfind(b"PK\x05\x06")
    return archive[: end + 8] + struct.pack("<2H", entries, entries) + archive[end + 12 :]


def bundle(title: str, files: Mapping[str, tuple[bytes, Mapping[str, Any]]]) -> bytes:
    """Return an archive with a manifest as exports write it."""
    manifest = {
        "format": "cratedig.bundle",
        "version": 1,
        "title": title,
        "files": [
            {"name": name, "sources": [{"item": name, **source}]}
            for name, (_, source) in files.items()
        ],
    }
    content = {name: data for name, (data, _) in files.items()}
    return zipped({**content, "manifest.json": json.dumps(manifest)})


def write(folder: Path, archive: bytes) -> Path:
    """Write an archive to a folder and return where."""
    path = folder / "pack.zip"
    path.write_bytes(archive)
    return path
