"""The files of one owner's vectors in one space: memory-mapped, appended to, and rewritten.

They are a copy of what the database holds, up to a sequence number, and can be deleted at any
time. Four files lie in a folder: `vectors-N` (float32 rows), `ids-N` (16 bytes a row), `header`,
and `lock`. Only rows that the header counts exist. Whoever appends holds the lock, writes behind
these rows, syncs both files, and only then replaces the header by renaming. So after a kill or a
loss of power at any point the old header or the new one is there, and the rows of either are
complete; what lies behind them is cut off by the next append. Rows are never changed. A rewrite
leaves out dead rows under the next `N`; processes that still map the old files keep them.
"""

import contextlib
import fcntl
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from kit.durable import DISK, Disk, make_folders, publish
from kit.vectors.ids import Ids, Rows

_FORMAT = 1
_ID = 16
_CHUNK = 1 << 13
"""Rows that are rewritten at once."""


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What the files hold."""

    generation: int
    """The `N` in the files' names."""
    rows: int
    sequence: int
    """The last change of the database that they include."""
    purged: int
    """The sequence up to which the database had forgotten removals when they were written."""


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """What was read from the files."""

    header: FileHeader
    ids: Ids
    matrix: F32
    """Unit vectors `[rows, dimension]`, memory-mapped."""
    dead: NDArray[np.uint32]
    """Rows that were replaced or removed."""


class VectorFiles:
    """Reads and writes the files of a folder; any number of processes may."""

    def __init__(self, folder: Path, dimension: int, *, disk: Disk = DISK) -> None:
        self.folder = folder
        self._dimension = dimension
        self._disk = disk

    def load(self) -> StoredVectors | None:
        """Return what is stored; nothing if no header and files that fit are there."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            header, dead = self._read()
            matrix = self.map(header)
            ids = np.fromfile(self._paths(header.generation)[1], np.uint8, header.rows * _ID)
            if len(ids) == header.rows * _ID and (dead < header.rows).all():
                return StoredVectors(header, ids.reshape(-1, _ID), matrix, dead)
        return None

    def map(self, header: FileHeader) -> F32:
        """Return the rows `[rows, dimension]` that a header counts, memory-mapped."""
        shape = (header.rows, self._dimension)
        if header.rows == 0:
            return np.empty(shape, np.float32)
        path = self._paths(header.generation)[0]
        return np.asarray(np.memmap(path, "<f4", mode="r", shape=shape))

    def current(self) -> FileHeader | None:
        """Return the header that is there now."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            return self._read()[0]
        return None

    def append(
        self,
        base: FileHeader | None,
        ids: Ids,
        matrix: F32,
        dead: Rows,
        *,
        sequence: int,
        purged: int,
    ) -> FileHeader | None:
        """Add rows; return the new header, or nothing if another process got ahead.

        Parameters
        ----------
        base
            The header that the caller has read, none if there is none.
        ids, matrix
            The new rows, `[added, 16]` and `[added, dimension]`.
        dead
            All rows that are dead, stored before or added now.
        sequence, purged
            See `FileHeader`.
        """
        with self._locked() as locked:
            if not locked or self.current() != base:
                return None
            generation, rows = (base.generation, base.rows) if base else (1, 0)
            vectors_path, ids_path = self._paths(generation)
            _append(vectors_path, rows * self._dimension * 4, [matrix])
            _append(ids_path, rows * _ID, [ids])
            header = FileHeader(generation, rows + len(ids), sequence, purged)
            self._publish(header, dead)
            return header

    def rewrite(
        self, base: FileHeader, ids: Ids, matrix: F32, alive: Rows, *, sequence: int, purged: int
    ) -> bool:
        """Write only the rows that are alive, under the next generation; return whether it did.

        Another process that writes just now, or that has written since `base` was read, is left
        alone. `ids` and `matrix` are those of `base`, and `alive` the rows of them to be kept.
        """
        with self._locked() as locked:
            if not locked or self.current() != base:
                return False
            vectors_path, ids_path = self._paths(base.generation + 1)
            chunks = [alive[start : start + _CHUNK] for start in range(0, len(alive), _CHUNK)]
            _append(vectors_path, 0, (matrix[chunk] for chunk in chunks))
            _append(ids_path, 0, (ids[chunk] for chunk in chunks))
            header = FileHeader(base.generation + 1, len(alive), sequence, purged)
            self._publish(header, np.empty(0, np.int64))
            self._remove_all_but(header.generation)
            return True

    def discard(self) -> None:
        """Delete what is stored: it does not agree with the database."""
        with self._locked(wait=True) as locked:
            if locked:
                (self.folder / "header").unlink(missing_ok=True)
                self._remove_all_but(0)

    def _publish(self, header: FileHeader, dead: Rows) -> None:
        for path in self._paths(header.generation):
            self._disk.sync(path)
        fields = {
            "format": _FORMAT,
            "dimension": self._dimension,
            **{name: getattr(header, name) for name in FileHeader.__slots__},
        }
        body = json.dumps(fields).encode() + b"\n" + dead.astype("<u4").tobytes()
        draft = self.folder / "header.part"
        draft.write_bytes(b"%08x\n" % zlib.crc32(body) + body)
        publish(draft, self.folder / "header", disk=self._disk)

    def _read(self) -> tuple[FileHeader, NDArray[np.uint32]]:
        checksum, _, body = (self.folder / "header").read_bytes().partition(b"\n")
        if int(checksum, 16) != zlib.crc32(body):
            raise ValueError("the header is damaged")
        fields_text, _, dead = body.partition(b"\n")
        fields = json.loads(fields_text)
        if (fields["format"], fields["dimension"]) != (_FORMAT, self._dimension):
            raise ValueError("the files have another format")
        header = FileHeader(**{name: int(fields[name]) for name in FileHeader.__slots__})
        return header, np.frombuffer(dead, "<u4")

    def _paths(self, generation: int) -> tuple[Path, Path]:
        return self.folder / f"vectors-{generation}", self.folder / f"ids-{generation}"

    def _remove_all_but(self, generation: int) -> None:
        kept = self._paths(generation)
        for pattern in ("vectors-*", "ids-*"):
            for path in self.folder.glob(pattern):
                if path not in kept:
                    path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self, *, wait: bool = False) -> Iterator[bool]:
        """Hold the folder's lock; give whether that succeeded."""
        make_folders(self.folder, disk=self._disk)
        with (self.folder / "lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


def _append(
    path: Path, size: int, blocks: Iterator[NDArray[np.generic]] | list[F32] | list[Ids]
) -> None:
    """Cut a file to a size and write behind it."""
    path.touch()
    with path.open("r+b") as file:
        file.truncate(size)
        file.seek(size)
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)
