"""The readers of foreign checkpoints, on files built here byte by byte as the formats say."""

import io
import pickle
import random
import struct
import subprocess
import zipfile
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.weights.checkpoints import (
    CheckpointError,
    ClassName,
    read_tensorflow,
    read_torch,
)
from kit.weights.crc32c import crc32c, masked

# --- CRC-32C ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
    ids=["empty", "check", "zeros", "ones", "rising"],
)
def test_crc32c_gives_the_published_values(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected  # RFC 3720, B.4.


def bitwise_crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for octet in data:
        value ^= octet
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


@pytest.mark.parametrize("size", [8191, 8192, 8193, 30000])
def test_crc32c_in_lanes_equals_the_definition(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert crc32c(data) == bitwise_crc32c(data)


# --- TensorFlow ---------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """One LevelDB block with prefix compression, a single restart and the trailer."""
    out, last = b"", b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(last, key, strict=False)) if a != b), 0)
        out += varint(shared) + varint(len(key) - shared) + varint(len(value))
        out += key[shared:] + value
        last = key
    out += struct.pack("<II", 0, 1)
    return out + b"\0" + struct.pack("<I", masked(crc32c(out + b"\0")))


def write_tensorflow(folder: Path, arrays: dict[str, np.ndarray], stem: str = "model") -> Path:
    codes = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "bool": 10, "float16": 19}
    data = b""
    records = [(b"", field(1, 1) + field(3, field(1, 1)))]
    for name in sorted(arrays):
        array = arrays[name]
        raw = array.tobytes()
        shape = b"".join(field(2, field(1, n)) for n in array.shape)
        record = field(1, codes[array.dtype.name]) + field(2, shape)
        record += field(4, len(data)) + field(5, len(raw))
        record += varint(6 << 3 | 5) + struct.pack("<I", masked(crc32c(raw)))
        records.append((name.encode(), record))
        data += raw
    # Two data blocks, so that the index block is really walked.
    half = len(records) // 2
    table, handles = b"", []
    for part in (records[:half], records[half:]):
        if part:
            encoded = block(part)
            handles.append((part[-1][0], varint(len(table)) + varint(len(encoded) - 5)))
            table += encoded
    meta = block([])
    meta_handle = varint(len(table)) + varint(len(meta) - 5)
    table += meta
    index = block(handles)
    index_handle = varint(len(table)) + varint(len(index) - 5)
    table += index
    table += (meta_handle + index_handle).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    (folder / f"{stem}.index").write_bytes(table)
    (folder / f"{stem}.data-00000-of-00001").write_bytes(data)
    return folder / stem if stem else folder


ARRAYS = {
    "conv2d/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "conv2d/bias": np.array([1.5, -2.5], dtype=np.float64),
    "conv2d_1/kernel": np.array([[7]], dtype=np.int32),
    "global_step": np.array(12, dtype=np.int64),
    "half": np.array([0.5, 0.25], dtype=np.float16),
    "training": np.array([True, False]),
}


@pytest.mark.parametrize("stem", ["model", ""])
def test_tensorflow_checkpoint_is_read_whole(tmp_path: Path, stem: str) -> None:
    read = read_tensorflow(write_tensorflow(tmp_path, ARRAYS, stem))
    assert sorted(read) == sorted(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
def test_a_flipped_byte_never_changes_what_is_read(tmp_path: Path, suffix: str) -> None:
    prefix = write_tensorflow(tmp_path, ARRAYS)
    file = tmp_path / f"model{suffix}"
    good = file.read_bytes()
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 0x15
        file.write_bytes(bad)
        try:
            read = read_tensorflow(prefix)
        except CheckpointError:
            continue
        # Nothing is read of the meta block and of the footer's padding; all else is checked.
        assert suffix == ".index"
        assert sorted(read) == sorted(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(read[name], array)


def test_truncated_tensorflow_index_is_refused(tmp_path: Path) -> None:
    prefix = write_tensorflow(tmp_path, ARRAYS)
    index = tmp_path / "model.index"
    index.write_bytes(index.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="not the index"):
        read_tensorflow(prefix)


# --- PyTorch ------------------------------------------------------------------------------------


class Global:
    """Pickles as a reference to `module.name`, whether or not such a thing can be imported."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Storage:
    def __init__(self, kind: str, data: np.ndarray) -> None:
        self.kind, self.data = kind, data


class Call:
    def __init__(self, function: Global, *arguments: object) -> None:
        self.function, self.arguments = function, arguments


class TorchPickler(pickle._Pickler):
    """Writes the pickle that `torch.save` writes, without torch."""

    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012 - as the base class declares it.

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=2)
        self.storages: list[Storage] = []

    def persistent_id(self, obj: object) -> object:
        if not isinstance(obj, Storage):
            return None
        if obj not in self.storages:
            self.storages.append(obj)
        key = str(self.storages.index(obj))
        return ("storage", Global("torch", obj.kind), key, "cpu", obj.data.size)

    def save_global_reference(self, obj: Global) -> None:
        self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())

    def save_call(self, obj: Call) -> None:
        self.save(obj.function)
        self.save(obj.arguments)
        self.write(pickle.REDUCE)

    dispatch[Global] = save_global_reference
    dispatch[Call] = save_call


def tensor(kind: str, data: np.ndarray) -> Call:
    strides = tuple(s // data.itemsize for s in data.strides)
    return view(Storage(kind, data), 0, data.shape, strides)


def view(storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> Call:
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    return Call(rebuild, storage, offset, size, stride, False, OrderedDict())


def write_torch(path: Path, content: object, compression: int = zipfile.ZIP_STORED) -> Path:
    buffer = io.BytesIO()
    pickler = TorchPickler(buffer)
    pickler.dump(content)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", buffer.getvalue())
        archive.writestr("archive/byteorder", "little")
        for key, storage in enumerate(pickler.storages):
            archive.writestr(f"archive/data/{key}", storage.data.tobytes())
        archive.writestr("archive/version", "3\n")
    return path


def test_torch_checkpoint_gives_arrays_and_config(tmp_path: Path) -> None:
    weight = np.arange(6, dtype=np.float16).reshape(2, 3)
    shared = Storage("FloatStorage", np.arange(12, dtype=np.float32))
    bfloat = (np.array([1.5, -0.25], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    path = write_torch(
        tmp_path / "a.th",
        {
            "klass": Global("demucs.htdemucs", "HTDemucs"),
            "args": (),
            "kwargs": {"segment": Fraction(39, 5), "sources": ["drums", "bass"], "deep": True},
            "state": OrderedDict(
                weight=tensor("HalfStorage", weight),
                transposed=view(shared, 1, (2, 3), (1, 4)),
                bfloat=tensor("BFloat16Storage", bfloat),
                parameter=Call(
                    Global("torch._utils", "_rebuild_parameter"),
                    tensor("LongStorage", np.array([1 << 40])),
                    True,
                    OrderedDict(),
                ),
                empty=view(shared, 0, (0, 4), (4, 1)),
                scalar=view(shared, 5, (), ()),
            ),
        },
    )
    read = read_torch(path, classes={"demucs.htdemucs.HTDemucs"})
    np.testing.assert_array_equal(read.tensors["weight"], weight)
    np.testing.assert_array_equal(read.tensors["transposed"], [[1, 5, 9], [2, 6, 10]])
    np.testing.assert_array_equal(read.tensors["bfloat"], np.float32([1.5, -0.25]))
    assert read.tensors["parameter"].tolist() == [1 << 40]
    assert read.tensors["empty"].shape == (0, 4)
    assert read.tensors["scalar"] == 5
    assert read.config == {
        "klass": ClassName("demucs.htdemucs", "HTDemucs"),
        "args": (),
        "kwargs": {"segment": Fraction(39, 5), "sources": ["drums", "bass"], "deep": True},
    }


def test_numpy_numbers_among_training_figures_become_plain_ones(tmp_path: Path) -> None:
    """The official Demucs files hold such: `numpy.dtype`, `scalar` and `_codecs.encode`."""
    figures = {"loss": np.float64(0.25), "epoch": np.int64(-3), "done": np.bool_(True)}
    path = write_torch(tmp_path / "a.th", {"state": {}, "training_args": figures})
    read = read_torch(path).config["training_args"]
    assert read == {"loss": 0.25, "epoch": -3, "done": True}
    assert [type(value) for value in read.values()] == [float, int, bool]


def test_torch_file_that_is_the_state_itself(tmp_path: Path) -> None:
    path = write_torch(tmp_path / "a.pt", {"w": tensor("IntStorage", np.int32([3]))})
    read = read_torch(path, state=None)
    assert read.tensors["w"].tolist() == [3]
    assert read.config == {}


@pytest.mark.parametrize(
    "content",
    [
        Call(Global("os", "system"), "touch {marker}"),
        Call(Global("builtins", "eval"), "open({marker!r}, 'w')"),
        Call(Global("subprocess", "call"), ["touch", "{marker}"]),
        {"state": {}, "x": Global("builtins", "exec")},
        {"state": {}, "x": Call(Global("demucs.htdemucs", "HTDemucs"))},
        {"state": {}, "x": Call(Global("fractions", "Fraction"), "1e999999999")},
        {"state": {"x": Call(Global("torch.storage", "_load_from_bytes"), b"")}},
        {"state": {}, "x": Call(Global("numpy", "dtype"), "O8", False, True)},
        {"state": {}, "x": Call(Global("numpy.core.multiarray", "scalar"), "O8", b"12345678")},
        {"state": {}, "x": Call(Global("_codecs", "encode"), "a", "rot13")},
    ],
    ids=[
        "system",
        "eval",
        "subprocess",
        "exec",
        "construct",
        "huge-fraction",
        "nested-load",
        "object-type",
        "object-number",
        "other-codec",
    ],
)
def test_hostile_pickles_run_nothing(tmp_path: Path, content: object) -> None:
    marker = tmp_path / "ran"
    if isinstance(content, Call):
        filled = [
            a.format(marker=str(marker)) if isinstance(a, str) else ["touch", str(marker)]
            for a in content.arguments
        ]
        content = Call(content.function, *filled)
    path = write_torch(tmp_path / "a.th", content)
    with pytest.raises(CheckpointError):
        read_torch(path, classes={"demucs.htdemucs.HTDemucs"})
    assert not marker.exists()


def test_the_hostile_pickle_of_this_test_is_a_real_one(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    buffer = io.BytesIO()
    TorchPickler(buffer).dump(Call(Global("subprocess", "call"), ["touch", str(marker)]))
    pickle.loads(buffer.getvalue())
    assert marker.exists()
    assert subprocess.call(["true"]) == 0


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((13,), (1,), 0), ((2,), (1,), 11), ((2,), (-1,), 5), ((2, 2), (12, 1), 0)],
)
def test_tensor_outside_its_storage_is_refused(
    tmp_path: Path, size: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> None:
    storage = Storage("FloatStorage", np.zeros(12, np.float32))
    path = write_torch(tmp_path / "a.th", {"state": {"w": view(storage, offset, size, stride)}})
    with pytest.raises(CheckpointError, match="outside its storage"):
        read_torch(path)


def test_compressed_and_foreign_files_are_refused(tmp_path: Path) -> None:
    state = {"state": {"w": tensor("FloatStorage", np.zeros(1000, np.float32))}}
    with pytest.raises(CheckpointError, match="compressed"):
        read_torch(write_torch(tmp_path / "a.th", state, zipfile.ZIP_DEFLATED))
    (tmp_path / "b.th").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(CheckpointError, match="not a zip checkpoint"):
        read_torch(tmp_path / "b.th")
    with zipfile.ZipFile(tmp_path / "c.th", "w") as archive:
        archive.writestr("song.txt", "la")
    with pytest.raises(CheckpointError, match="no single data"):
        read_torch(tmp_path / "c.th")


@given(seed=st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_damaged_pickles_end_in_one_error(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    buffer = io.BytesIO()
    pickler = TorchPickler(buffer)
    pickler.dump({"state": {"w": tensor("FloatStorage", np.zeros(4, np.float32))}, "k": [1, "a"]})
    data = bytearray(buffer.getvalue())
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path = tmp_path_factory.getbasetemp() / "damaged.th"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", bytes(data))
        archive.writestr("a/data/0", bytes(16))
    try:
        read_torch(path)
    except CheckpointError:
        return
