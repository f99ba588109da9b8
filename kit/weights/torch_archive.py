"""Read PyTorch's zip checkpoints without PyTorch and without running code from the file.

The archive contains a pickle and one raw file per storage. The unpickler allows only the types that
such a file needs.
"""

import io
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from kit.arrays import Tensor
from kit.weights.damage import CheckpointError

_PICKLE_LIMIT = 64 << 20

_TORCH_STORAGES: dict[str, np.dtype[Any]] = {
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


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class that a checkpoint refers to; it is never imported."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class TorchCheckpoint:
    """The contents of a PyTorch checkpoint: arrays, and everything else as plain values."""

    tensors: dict[str, Tensor]
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: np.dtype[Any]
    widen: bool


def _rebuild_tensor(
    storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> Tensor:
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


def _rebuild_parameter(data: Tensor, *_: object) -> Tensor:
    return data


def _rebuild_fraction(*parts: object) -> Fraction:
    """Rebuild a fraction from "39/5" (Python up to 3.10) or from 39, 5 (later)."""
    match parts:
        # An exponent, as in "1e999999999", would make a number as large as the memory.
        case (str(text),) if re.fullmatch(r"-?\d{1,18}(/\d{1,18})?", text):
            return Fraction(text)
        case (int(numerator), int(denominator)):
            return Fraction(numerator, denominator)
    raise CheckpointError("The checkpoint holds a fraction that cannot be read.")


class _NumberType:
    """Replaces `numpy.dtype` in a pickled scalar."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"f[248]|[iu][1248]|b1", code):
            raise CheckpointError("The checkpoint holds a number of an unknown type.")
        self.dtype = np.dtype("<" + code)

    def __setstate__(self, state: object) -> None:
        # Of numpy's state only the byte order matters.
        if not isinstance(state, tuple) or state[1:2] not in [("<",), ("|",)]:
            raise CheckpointError("The checkpoint holds a number in another byte order.")


def _rebuild_number(kind: object, data: object) -> float | int | bool:
    """Rebuild a numpy scalar, as training statistics contain, as a plain number."""
    if (
        not isinstance(kind, _NumberType)
        or not isinstance(data, bytes)
        or len(data) != kind.dtype.itemsize
    ):
        raise CheckpointError("The checkpoint holds a number that cannot be read.")
    number: float | int | bool = np.frombuffer(data, kind.dtype)[0].item()
    return number


def _rebuild_bytes(text: object, encoding: object = "latin1") -> bytes:
    """Rebuild bytes from text, as old pickles store them."""
    if not isinstance(text, str) or encoding != "latin1":
        raise CheckpointError("The checkpoint holds bytes that cannot be read.")
    return text.encode("latin1")


_TORCH_CALLABLES: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _rebuild_bytes,
    ("numpy", "dtype"): _NumberType,
    ("numpy.core.multiarray", "scalar"): _rebuild_number,
    ("numpy._core.multiarray", "scalar"): _rebuild_number,
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
        self._storages: dict[str, Tensor] = {}

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

    def persistent_load(self, pid: Any) -> Tensor:
        match pid:
            case ("storage", _StorageType() as kind, str(key), str(), int(count)):
                pass
            case _:
                raise CheckpointError("The checkpoint refers to something other than a storage.")
        if key not in self._storages:
            data = self._archive.read(f"{self._root}/data/{key}")
            if len(data) != count * kind.dtype.itemsize:
                raise CheckpointError(f"Storage {key!r} does not have the size that is stated.")
            flat: Tensor = np.frombuffer(data, kind.dtype)
            # numpy has no bfloat16: its bits are the upper half of a float32.
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
    """Read a PyTorch zip checkpoint without PyTorch and without running code from it.

    Parameters
    ----------
    path
        A file that `torch.save` wrote (version 1.6 or later).
    classes
        Full names of classes that the file may refer to, such as `demucs.htdemucs.HTDemucs`; each
        is returned as a `ClassName`. Any other type besides tensors and plain values is refused.
    state
        Key of the dictionary of tensors; `None` if the file is that dictionary itself.

    Raises
    ------
    CheckpointError
        The file is damaged, has another format, or refers to a type that is not allowed.
    """
    archive, root = _open_torch(path)
    with archive:
        try:
            content = _Unpickler(archive, root, classes).load()
        except CheckpointError:
            raise
        # A damaged pickle can raise any of these.
        except (
            pickle.UnpicklingError,
            EOFError,
            KeyError,
            IndexError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
            MemoryError,
            zipfile.BadZipFile,
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
