"""The files of a backup: dumps, objects and the manifest, which is written last."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from contracts.objects import Bucket

MANIFEST = "manifest.json"
FORMAT = 1


class BackupError(Exception):
    """A backup cannot be written or restored; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class SavedObject:
    """An object of a backup."""

    bucket: Bucket
    key: str
    size: int
    sha256: str
    etag: str
    """The store's tag of it, by which a later backup knows that it has not changed."""
    media_type: str

    def path(self, folder: Path) -> Path:
        """Return the file that holds it."""
        return object_path(folder, self.bucket, self.key)


Index = Mapping[tuple[Bucket, str], SavedObject]
"""The objects of a backup by bucket and key."""


def object_path(folder: Path, bucket: Bucket, key: str) -> Path:
    """Return the file of an object in a backup. Raises `BackupError` for a key that leaves it."""
    root = (folder / "objects" / bucket.value).resolve()
    path = (root / key).resolve()
    if not path.is_relative_to(root) or path == root:
        raise BackupError(f"the key {key!r} of {bucket} names no file below {root}")
    return path


def read_manifest(folder: Path) -> Index:
    """Return the objects of a complete backup. Raises `BackupError`."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise BackupError(f"{path} has the format {content['format']}; this program reads 1.")
        saved = [
            SavedObject(**{**entry, "bucket": Bucket(entry["bucket"])})
            for entry in content["objects"]
        ]
    except FileNotFoundError:
        raise BackupError(f"{folder} holds no complete backup: {MANIFEST} is missing.") from None
    except (ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{path} is damaged: {error}") from error
    return {(each.bucket, each.key): each for each in saved}


def write_manifest(folder: Path, index: Index) -> None:
    """Write the manifest, and delete the files of objects that are not in it."""
    content = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "objects": [asdict(each) for each in index.values()],
    }
    draft = folder / f"{MANIFEST}.part"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MANIFEST)
    kept = {each.path(folder) for each in index.values()}
    for path in (folder / "objects").rglob("*"):
        if path.is_file() and path.resolve() not in kept:
            path.unlink()
