"""Safe readers of foreign checkpoints: arrays and plain values come out, no foreign code runs.

TensorFlow's checkpoints of version 2 are a LevelDB table (`<prefix>.index`) of BundleEntryProto
records that point into `<prefix>.data-0000i-of-0000n`. PyTorch's are a zip archive with a pickle
and one raw file for each storage; the pickle is read by an unpickler that knows only the
types which such a file holds.
"""

import io
import pickle
import re
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from kit.weights.crc32c import crc32c, masked

Array = NDArray[Any]

_TABLE_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_BLOCK_TRAILER = 5
_PICKLE_LIMIT = 64 << 20

# tensorflow/core/framework/types.proto: the dtypes that a bundle stores as raw bytes.
_TENSORFLOW_DTYPES = {
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

_TORCH_STORAGES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype("<u2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


class CheckpointError(ValueError):
    """A checkpoint is damaged, of another format, or holds what the reader does not allow."""


# --- TensorFlow ---------------------------------------------------------------------------------


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


def read_tensorflow(prefix: Path) -> dict[str, Array]:
    """Read every numeric variable of a TensorFlow checkpoint of version 2.

    Parameters
    ----------
    prefix
        The checkpoint's path without `.index` and `.data-…`, as TensorFlow names it. The last part
        may be empty (`folder/` + `.index`): then pass `folder / ""`-like paths as `folder / "."`.

    Returns
    -------
    dict
        Arrays by variable name; strings and other things without a numpy type are left out.

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
    arrays: dict[str, Array] = {}
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


# --- PyTorch ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class that a checkpoint names; it is never imported."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class TorchCheckpoint:
    """What a PyTorch checkpoint holds: its arrays, and everything else as plain values."""

    tensors: dict[str, Array]
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: np.dtype[Any]
    widen: bool


def _rebuild_tensor(
    storage: Array, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> Array:
    """Rebuild an array from a view of a flat storage, strides in elements."""
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if prod(size) and (offset < 0 or min(stride, default=0) < 0 or last >= storage.size):
        raise CheckpointError("The checkpoint is damaged: a tensor reaches outside its storage.")
    if not prod(size):
        return np.zeros(size, storage.dtype)
    view = np.lib.stride_tricks.as_strided(
        storage[offset:], size, [s * storage.itemsize for s in stride], writeable=False
    )
    return np.array(view)


def _rebuild_parameter(data: Array, *_: object) -> Array:
    return data


def _rebuild_fraction(text: object) -> Fraction:
    if not isinstance(text, str) or not re.fullmatch(r"-?\d{1,18}(/\d{1,18})?", text):
        raise CheckpointError("The checkpoint holds a fraction that cannot be read.")
    return Fraction(text)


_TORCH_CALLABLES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("fractions", "Fraction"): _rebuild_fraction,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}


class _Unpickler(pickle.Unpickler):
    """Unpickles tensors, containers, numbers, text and fractions; refuses all other types."""

    def __init__(self, archive: zipfile.ZipFile, root: str, classes: Collection[str]) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}/data.pkl")))
        self._archive = archive
        self._root = root
        self._classes = classes
        self._storages: dict[str, Array] = {}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) in _TORCH_CALLABLES:
            return _TORCH_CALLABLES[module_name, global_name]
        if module_name == "torch" and global_name in _TORCH_STORAGES:
            return _StorageType(_TORCH_STORAGES[global_name], global_name.startswith("BFloat"))
        if f"{module_name}.{global_name}" in self._classes:
            return ClassName(module_name, global_name)
        raise CheckpointError(
            f"The checkpoint asks for {module_name}.{global_name}, which is not allowed."
        )

    def persistent_load(self, pid: Any) -> Array:
        match pid:
            case ("storage", _StorageType() as kind, str(key), str(), int(count)):
                pass
            case _:
                raise CheckpointError("The checkpoint refers to something other than a storage.")
        if key not in self._storages:
            data = self._archive.read(f"{self._root}/data/{key}")
            if len(data) != count * kind.dtype.itemsize:
                raise CheckpointError(f"Storage {key!r} does not have the size that is stated.")
            flat: Array = np.frombuffer(data, kind.dtype)
            # numpy has no bfloat16; as the upper half of a float32 it is read without loss.
            self._storages[key] = (
                (flat.astype(np.uint32) << 16).view(np.float32) if kind.widen else flat
            )
        return self._storages[key]


def _open_torch(path: Path) -> tuple[zipfile.ZipFile, str]:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise CheckpointError(
            f"{path.name} is not a zip checkpoint of PyTorch (1.6 or later)."
        ) from None
    roots = [n.removesuffix("/data.pkl") for n in archive.namelist() if n.endswith("/data.pkl")]
    problem = ""
    if len(roots) != 1:
        problem = "has no single data.pkl"
    elif any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        problem = "is compressed, which PyTorch never does"
    elif archive.getinfo(f"{roots[0]}/data.pkl").file_size > _PICKLE_LIMIT:
        problem = "has a data.pkl that is too large"
    elif f"{roots[0]}/byteorder" in archive.namelist():
        order = archive.read(f"{roots[0]}/byteorder").decode("ascii", "replace")
        problem = "" if order == "little" else f"has the byte order {order!r}"
    if problem:
        archive.close()
        raise CheckpointError(f"{path.name} is not a checkpoint that can be read: it {problem}.")
    return archive, roots[0]


def read_torch(
    path: Path, *, classes: Collection[str] = (), state: str | None = "state"
) -> TorchCheckpoint:
    """Read a PyTorch zip checkpoint without PyTorch and without running anything of it.

    Parameters
    ----------
    path
        A file that `torch.save` wrote (version 1.6 or later).
    classes
        Full names of classes that the file may mention, as `demucs.htdemucs.HTDemucs`; each comes
        out as a `ClassName`. Anything else that is not a tensor or a plain value is refused.
    state
        Key under which the tensors lie; None where the file is the dictionary of tensors itself.

    Raises
    ------
    CheckpointError
        The file is damaged, of another format, or asks for what is not allowed.
    """
    archive, root = _open_torch(path)
    with archive:
        try:
            content = _Unpickler(archive, root, classes).load()
        except CheckpointError:
            raise
        # A damaged pickle can fail in any of these ways; none of them says more than this.
        except (
            pickle.UnpicklingError, EOFError, KeyError, IndexError, TypeError, ValueError,
            AttributeError, OverflowError, MemoryError, zipfile.BadZipFile,
        ) as error:
            raise CheckpointError(f"{path.name} is damaged: {error}.") from error
    if not isinstance(content, dict):
        _refuse(path, "its content is not a dictionary")
    tensors = content if state is None else content.pop(state, None)
    if not isinstance(tensors, dict):
        _refuse(path, f"there is no dictionary of tensors under {state!r}")
    if not all(isinstance(v, np.ndarray) for v in tensors.values()):
        _refuse(path, "its state holds something that is not a tensor")
    config = {} if state is None else {str(key): value for key, value in content.items()}
    return TorchCheckpoint({str(key): value for key, value in tensors.items()}, config)


def _refuse(path: Path, why: str) -> NoReturn:
    raise CheckpointError(f"{path.name} is not a checkpoint that can be read: {why}.")


if sys.byteorder != "little":  # pragma: no cover - no such machine is supported.
    raise ImportError("kit.weights.checkpoints needs a little-endian machine.")
