"""A descriptor table as a NumPy archive."""

import asyncio
import contextlib
import json
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from kit.vectors.base import Space
from services.library.descriptors.columns import COLUMNS, TAGS, ColumnType
from services.library.descriptors.manifest import DescriptorManifest
from services.library.descriptors.rows import DescriptorRows
from services.library.descriptors.sink import Sink

_AFTER_IDS = tuple(column for column in COLUMNS if column.name != "item")
"""The ids are written while they are read, the other columns after them."""
_ID_TYPE = np.dtype("<U36")
_TYPES = {
    ColumnType.TEXT: np.dtype("<U1"),
    ColumnType.NUMBER: np.dtype("<f4"),
    ColumnType.WHOLE: np.dtype("u1"),
    ColumnType.FLAG: np.dtype("?"),
    ColumnType.TIME: np.dtype("<M8[us]"),
}
_EMPTY: dict[ColumnType, Any] = {
    ColumnType.TEXT: "",
    ColumnType.NUMBER: np.nan,
    ColumnType.WHOLE: 0,
    ColumnType.FLAG: False,
    ColumnType.TIME: 0,
}
_BLOCK = 1 << 22
"""Bytes of vectors that are written at a time."""


async def write_npz(
    rows: AsyncIterator[DescriptorRows], manifest: DescriptorManifest
) -> AsyncIterator[bytes]:
    """Yield the parts of a NumPy archive; no array needs `allow_pickle`.

    It has an array for each of `COLUMNS`, `[manifest.count]`; `tags`, of the same length, each a
    JSON list; and `manifest`, JSON. For each vector space there are `vectors-NAME-VERSION`,
    single-precision `[vectors, dimension]`, and `rows-NAME-VERSION`, `[vectors]`: the rows that
    these belong to. Rows of items that were removed while the file was written are at the end,
    without an id.
    """
    sink = Sink()
    archive = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with contextlib.closing(_Table(manifest.count)) as table:
        # A reader never waits long for data.
        with archive.open("item.npy", "w", force_zip64=True) as ids:
            _write_header(ids, _ID_TYPE, (manifest.count,))
            async for part in rows:
                await asyncio.to_thread(_add, ids, table, part)
                yield sink.take()
            ids.write(np.full(table.missing, "", _ID_TYPE).tobytes())
        for name, array in (("manifest", np.array(manifest.to_json())), *table.arrays()):
            await asyncio.to_thread(_write, archive, name, array)
            yield sink.take()
        for space in table.spaces:
            with archive.open(f"vectors-{_name(space)}.npy", "w", force_zip64=True) as entry:
                _write_header(entry, np.dtype("<f4"), (table.vectors(space), space.dimension))
                for block in table.read(space):
                    await asyncio.to_thread(entry.write, block)
                    yield sink.take()
    archive.close()
    yield sink.take()


class _Table:
    """All rows of a table but their ids; vectors are in temporary files.

    Parameters
    ----------
    length
        Rows that the table will have.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._columns: dict[str, list[NDArray[Any]]] = {c.name: [] for c in _AFTER_IDS}
        self._tags: list[NDArray[Any]] = []
        self._files: dict[Space, IO[bytes]] = {}
        self._rows: dict[Space, list[int]] = {}
        self._count = 0

    def close(self) -> None:
        """Delete the temporary files."""
        for file in self._files.values():
            file.close()

    @property
    def missing(self) -> int:
        """Rows that are not there, as their items were removed."""
        return self._length - self._count

    @property
    def spaces(self) -> list[Space]:
        """The spaces of vectors."""
        return list(self._files)

    def vectors(self, space: Space) -> int:
        """Return how many rows have a vector in a space."""
        return len(self._rows[space])

    def add(self, part: DescriptorRows) -> None:
        """Add rows."""
        for column in _AFTER_IDS:
            self._columns[column.name].append(_array(part.values[column.name], column.type))
        self._tags.append(np.array([json.dumps(t, ensure_ascii=False) for t in part.tags], "U"))
        for row, described in enumerate(part.vectors):
            if described is not None:
                space, vector = described
                if space not in self._files:
                    self._files[space] = tempfile.TemporaryFile()  # noqa: SIM115
                self._files[space].write(vector.astype("<f4").tobytes())
                self._rows.setdefault(space, []).append(self._count + row)
        self._count += part.count

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield each array but ids and vectors, with its name."""
        for column in _AFTER_IDS:
            rest = np.full(self.missing, _EMPTY[column.type], _TYPES[column.type])
            yield column.name, np.concatenate([*self._columns[column.name], rest])
        yield TAGS, np.concatenate([*self._tags, np.full(self.missing, "[]", "U2")])
        for space, rows in self._rows.items():
            yield f"rows-{_name(space)}", np.array(rows, np.int64)

    def read(self, space: Space) -> Iterator[bytes]:
        """Yield the vectors of a space, some at a time."""
        file = self._files[space]
        file.seek(0)
        while block := file.read(_BLOCK):
            yield block


def _add(ids: IO[bytes], table: _Table, part: DescriptorRows) -> None:
    ids.write(np.array(part.values["item"], _ID_TYPE).tobytes())
    table.add(part)


def _name(space: Space) -> str:
    return f"{space.name}-{space.version}"


def _write(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
        _write_header(entry, array.dtype, array.shape)
        entry.write(array.tobytes())


def _write_header(entry: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(entry, header)


def _array(values: list[Any], type_: ColumnType) -> NDArray[Any]:
    filled = [_EMPTY[type_] if value is None else value for value in values]
    return np.array(filled, "U" if type_ is ColumnType.TEXT else _TYPES[type_])
