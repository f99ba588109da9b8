"""A folder that holds the files of collections, and remembers which of its files it wrote."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cratedig import Client, CratedigError, names, types
from cratedig.files import digest

STATE = ".cratedig-sync.json"
"""The file in which a folder remembers what was written."""
_MAX_FOLDER = 80
"""Bytes of a folder's name; nested ones must fit into the paths of every system."""


@dataclass(frozen=True, slots=True)
class MirrorFile:
    """A file that the folder should have."""

    folder: PurePosixPath
    item: types.Item
    file: types.Artifact


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the folder."""

    what: str
    """`added`, `renamed`, `removed`, `kept` or `failed`."""
    path: str
    """Path inside the folder, with `/`."""
    text: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it for programs."""
        return {"change": self.what, "path": self.path, "text": self.text}


@dataclass(slots=True)
class _Written:
    """A file that was written."""

    artifact: str
    sha256: str
    size: int
    modified: int
    """Nanoseconds, as the file system has it."""


class Mirror:
    """The folder.

    Raises
    ------
    CratedigError
        What it remembers is not readable.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.files: dict[str, types.Artifact] = {}
        """The file of each item that was asked for."""
        self._written: dict[str, _Written] = {}
        path = folder / STATE
        if path.exists():
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                self._written = {name: _Written(**each) for name, each in content["files"].items()}
            except (ValueError, TypeError, KeyError) as error:
                raise CratedigError(
                    f"{path} is damaged. Delete it; files that are the same are then kept as they "
                    "are."
                ) from error

    def bring_up_to_date(self, client: Client, files: Sequence[MirrorFile]) -> list[Change]:
        """Add, rename and remove files; return what was done.

        A file that cannot be downloaded now is left for the next pass.
        """
        target = _paths(files)
        changes: list[Change] = []
        # Renames first, so that a file that moves is not downloaded again.
        self._rename(target, changes)
        for path in [path for path in self._written if path not in target]:
            self._remove(path, changes)
        for path, each in target.items():
            if self._is_there(path, each.file):
                continue
            try:
                self._add(client, path, each.file, changes)
            except (CratedigError, OSError) as error:
                changes.append(Change("failed", path, str(error)))
        return changes

    def _rename(self, target: dict[str, MirrorFile], changes: list[Change]) -> None:
        by_file = {each.artifact: path for path, each in self._written.items()}
        for path, each in target.items():
            old = by_file.get(each.file.id)
            free = not self._at(path).exists() and path not in self._written
            if old is None or old in target or not free or not self._is_unchanged(old):
                continue
            self._at(path).parent.mkdir(parents=True, exist_ok=True)
            self._at(old).rename(self._at(path))
            self._written[path] = self._written.pop(old)
            del by_file[each.file.id]
            self._save()
            self._tidy(old)
            changes.append(Change("renamed", path, old))

    def _remove(self, path: str, changes: list[Change]) -> None:
        """Delete a file that was written here and not changed since; forget any other."""
        if self._is_unchanged(path):
            self._at(path).unlink()
            changes.append(Change("removed", path))
        elif self._at(path).exists():
            changes.append(Change("kept", path, "it was changed here"))
        del self._written[path]
        self._save()
        self._tidy(path)

    def _is_there(self, path: str, file: types.Artifact) -> bool:
        """Return whether a file needs no download: it is there, or the user changed it."""
        written = self._written.get(path)
        if written is None or not self._at(path).exists():
            return False
        return written.artifact == file.id or not self._is_unchanged(path)

    def _add(self, client: Client, path: str, file: types.Artifact, changes: list[Change]) -> None:
        place = self._at(path)
        if place.exists() and path not in self._written:
            if not place.is_file() or digest(place)[1] != file.sha256:
                changes.append(Change("kept", path, "another file has this name"))
                return
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            client.artifacts.save(file, place)
            changes.append(Change("added", path))
        facts = place.stat()
        self._written[path] = _Written(file.id, file.sha256, facts.st_size, facts.st_mtime_ns)
        self._save()

    def _is_unchanged(self, path: str) -> bool:
        """Return whether a file is as it was written."""
        place, written = self._at(path), self._written[path]
        if place.is_symlink() or not place.is_file():
            return False
        facts = place.stat()
        if (facts.st_size, facts.st_mtime_ns) == (written.size, written.modified):
            return True
        return digest(place)[1] == written.sha256

    def _tidy(self, path: str) -> None:
        """Remove the folders of a file that are empty now."""
        with suppress(OSError):
            for folder in PurePosixPath(path).parents:
                if folder.name:
                    self._at(str(folder)).rmdir()

    def _at(self, path: str) -> Path:
        return self._folder.joinpath(*PurePosixPath(path).parts)

    def _save(self) -> None:
        content: dict[str, Any] = {
            "version": 1,
            "files": {
                path: {name: getattr(each, name) for name in _Written.__slots__}
                for path, each in self._written.items()
            },
        }
        path = self._folder / STATE
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        partial.replace(path)


def layout(
    shown: Sequence[types.Collection], own: Sequence[types.Collection]
) -> Iterator[tuple[types.Collection, PurePosixPath]]:
    """Yield collections with their folders, nested like the collections and without clashes."""
    by_id = {each.id: each for each in own}
    used: dict[str, str] = {}
    for each in sorted(shown, key=lambda each: each.id):
        parts = [each]
        while (above := by_id.get(parts[0].parent or "")) and above not in parts:
            parts.insert(0, above)
        path = PurePosixPath()
        for part in parts:
            name = names.safe_name(part.name, max_bytes=_MAX_FOLDER)
            key = _key(path / name)
            if used.setdefault(key, part.id) != part.id:
                name = f"{name} ({part.id[-8:]})"
                used[_key(path / name)] = part.id
            path /= name
        yield each, path


def _paths(files: Sequence[MirrorFile]) -> dict[str, MirrorFile]:
    """Return the path of each file; one whose name is taken gets the end of its item's id."""
    paths: dict[str, MirrorFile] = {}
    used: set[str] = set()
    # By id, so that a name stays with the item that had it first.
    for each in sorted(files, key=lambda each: (str(each.folder), each.item.id)):
        name = _file_name(each)
        if _key(each.folder / name) in used:
            stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
            name = f"{stem} ({each.item.id[-8:]}){suffix}"
        used.add(_key(each.folder / name))
        paths[str(each.folder / name)] = each
    return paths


def _file_name(file: MirrorFile) -> str:
    name = file.item.name
    if file.file.kind != "original":
        name = f"{PurePosixPath(name).stem}{PurePosixPath(file.file.name).suffix}"
    return names.safe_name(name)


def _key(path: PurePosixPath) -> str:
    """Return a path as file systems compare it that ignore case."""
    return str(path).casefold()
