"""Read TensorFlow checkpoints of version 2 without TensorFlow.

A LevelDB table (`<prefix>.index`) of BundleEntryProto records points into the raw arrays of
`<prefix>.data-0000i-of-0000n`; both carry checksums, and both are checked.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kit.weights.crc32c import crc32c, masked
from kit.weights.damage import CheckpointError

_TABLE_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_BLOCK_TRAILER = 5
# tensorflow/core/framework/types.proto: the dtypes that a bundle stores as raw bytes.
_TENSORFLOW_DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    5: np.dtype("<i2"),
    6: np.dtype("i1"),
    9: np.dtype("<i8"),
    10: np.dtype("?"),
    17: np.dtype("<u2"),
    19: np.dtype("<f2"),
    22: np.dtype("<u4"),
    23: np.dtype("<u8"),
}


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise CheckpointError("The checkpoint index is damaged: a number runs past its end.")
        octet = data[position]
        position += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, position
        shift += 7


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) of a protocol buffer message, in order."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        wire = tag & 7
        if wire == 0:
            number, position = _varint(message, position)
            yield tag >> 3, number
            continue
        if wire == 2:
            length, position = _varint(message, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise CheckpointError(f"The checkpoint index is damaged: unknown wire type {wire}.")
        if position + length > len(message):
            raise CheckpointError("The checkpoint index is damaged: a field runs past its end.")
        value = message[position : position + length]
        position += length
        yield tag >> 3, value if wire == 2 else int.from_bytes(value, "little")


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) of one block of a LevelDB table."""
    content, trailer = table[offset : offset + size], table[offset + size :][:_BLOCK_TRAILER]
    if len(content) < size or len(trailer) < _BLOCK_TRAILER or size < 4:
        raise CheckpointError("The checkpoint index is damaged: a block runs past its end.")
    if trailer[0]:
        raise CheckpointError("The checkpoint index is compressed; only plain blocks are read.")
    if masked(crc32c(content + trailer[:1])) != struct.unpack("<I", trailer[1:])[0]:
        raise CheckpointError("The checkpoint index is damaged: the checksum of a block is wrong.")
    restarts = struct.unpack("<I", content[-4:])[0]
    end = size - 4 * (restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = _varint(content, position)
        unshared, position = _varint(content, position)
        length, position = _varint(content, position)
        if shared > len(key) or position + unshared + length > end:
            raise CheckpointError("The checkpoint index is damaged: an entry runs past its block.")
        key = key[:shared] + content[position : position + unshared]
        position += unshared
        yield key, content[position : position + length]
        position += length


def _handle(data: bytes, position: int = 0) -> tuple[int, int, int]:
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return offset, size, position


def _table(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) of a LevelDB table in the order of its keys."""
    if len(table) < _FOOTER or struct.unpack("<Q", table[-8:])[0] != _TABLE_MAGIC:
        raise CheckpointError("This is not the index of a TensorFlow checkpoint of version 2.")
    footer = table[-_FOOTER:]
    _, _, position = _handle(footer)
    offset, size, _ = _handle(footer, position)
    for _, value in _block(table, offset, size):
        block_offset, block_size, _ = _handle(value)
        yield from _block(table, block_offset, block_size)


@dataclass(frozen=True, slots=True)
class _Entry:
    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    sliced: bool


def _shape(message: bytes) -> tuple[int, ...]:
    shape = []
    for number, value in _fields(message):
        if number == 2 and isinstance(value, bytes):
            shape.append(next((int(v) for n, v in _fields(value) if n == 1), 0))
    return tuple(shape)


def _entry(message: bytes) -> _Entry:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0}
    shape: tuple[int, ...] = ()
    sliced = False
    for number, value in _fields(message):
        if isinstance(value, bytes):
            shape = _shape(value) if number == 2 else shape
            sliced = sliced or number == 7
        elif number in numbers:
            numbers[number] = value
    return _Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], numbers[6], sliced)


def read_tensorflow(prefix: Path) -> dict[str, NDArray[Any]]:
    """Read every numeric variable of a TensorFlow checkpoint of version 2.

    Parameters
    ----------
    prefix
        The checkpoint's path without `.index` and `.data-…`, as TensorFlow names it; or a folder
        whose files consist of these suffixes alone.

    Returns
    -------
    dict
        Arrays by variable name; strings and other variables without a numpy type are left out.

    Raises
    ------
    CheckpointError
        The files are damaged (each block and each array has a checksum) or of another format.
    """
    folder, stem = (prefix, "") if prefix.is_dir() else (prefix.parent, prefix.name)
    entries: dict[str, _Entry] = {}
    shards = 1
    for key, value in _table((folder / f"{stem}.index").read_bytes()):
        if key:
            entries[key.decode()] = _entry(value)
            continue
        header = {number: item for number, item in _fields(value) if isinstance(item, int)}
        shards = header.get(1, 1)
        if header.get(2, 0):
            raise CheckpointError("The checkpoint is big-endian; only little-endian ones are read.")
    files = [folder / f"{stem}.data-{i:05d}-of-{shards:05d}" for i in range(shards)]
    arrays: dict[str, NDArray[Any]] = {}
    for name, entry in entries.items():
        dtype = _TENSORFLOW_DTYPES.get(entry.dtype)
        if dtype is None:
            continue
        if entry.sliced:
            raise CheckpointError(f"Variable {name!r} is stored in slices, which is not supported.")
        if prod(entry.shape) * dtype.itemsize != entry.size or entry.shard >= shards:
            raise CheckpointError(f"Variable {name!r} does not have the size that its shape gives.")
        with files[entry.shard].open("rb") as file:
            file.seek(entry.offset)
            data = file.read(entry.size)
        if len(data) != entry.size or masked(crc32c(data)) != entry.checksum:
            raise CheckpointError(f"Variable {name!r} is damaged: its checksum is wrong.")
        arrays[name] = np.frombuffer(data, dtype=dtype).reshape(entry.shape)
    return arrays
