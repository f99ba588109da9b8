"""Read Whisper's weights from CTranslate2's file, by the names of OpenAI's own package.

So one file serves both engines, and they can be compared on the same weights.
"""

import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from kit.weights.checkpoints import CheckpointError

StoredTensor = NDArray[np.float32] | NDArray[np.float16]

_VERSION = 6
_TYPES: Mapping[int, type[np.generic]] = {
    0: np.float32,
    1: np.int8,
    2: np.int16,
    3: np.int32,
    4: np.float16,
}
_PLAIN = {
    "encoder/conv1/weight": "encoder.conv1.weight",
    "encoder/conv1/bias": "encoder.conv1.bias",
    "encoder/conv2/weight": "encoder.conv2.weight",
    "encoder/conv2/bias": "encoder.conv2.bias",
    "encoder/position_encodings/encodings": "encoder.positional_embedding",
    "encoder/layer_norm/gamma": "encoder.ln_post.weight",
    "encoder/layer_norm/beta": "encoder.ln_post.bias",
    "decoder/embeddings/weight": "decoder.token_embedding.weight",
    "decoder/position_encodings/encodings": "decoder.positional_embedding",
    "decoder/layer_norm/gamma": "decoder.ln.weight",
    "decoder/layer_norm/beta": "decoder.ln.bias",
}
_IN_LAYERS = {
    "self_attention/layer_norm/gamma": "attn_ln.weight",
    "self_attention/layer_norm/beta": "attn_ln.bias",
    "self_attention/linear_1/weight": "attn.out.weight",
    "self_attention/linear_1/bias": "attn.out.bias",
    "attention/layer_norm/gamma": "cross_attn_ln.weight",
    "attention/layer_norm/beta": "cross_attn_ln.bias",
    "attention/linear_0/weight": "cross_attn.query.weight",
    "attention/linear_0/bias": "cross_attn.query.bias",
    "attention/linear_2/weight": "cross_attn.out.weight",
    "attention/linear_2/bias": "cross_attn.out.bias",
    "ffn/layer_norm/gamma": "mlp_ln.weight",
    "ffn/layer_norm/beta": "mlp_ln.bias",
    "ffn/linear_0/weight": "mlp.0.weight",
    "ffn/linear_0/bias": "mlp.0.bias",
    "ffn/linear_1/weight": "mlp.2.weight",
    "ffn/linear_1/bias": "mlp.2.bias",
}
# Matrices that CTranslate2 stores as one, in this order.
_JOINED = {
    "self_attention/linear_0": ("attn", ("query", "key", "value")),
    "attention/linear_1": ("cross_attn", ("key", "value")),
}
_LAYER = re.compile(r"(encoder|decoder)/layer_(\d+)/(.+)")


@dataclass(frozen=True, slots=True)
class WhisperCheckpoint:
    """A Whisper network."""

    dims: Mapping[str, int]
    """Arguments of `whisper.model.ModelDimensions`."""
    tensors: Mapping[str, StoredTensor]
    """Weights by their names in `whisper.model.Whisper`."""
    alignment: tuple[tuple[int, int], ...]
    """Layers and heads of the decoder that align with the audio; empty if the file has none."""


def read_checkpoint(folder: Path) -> WhisperCheckpoint:
    """Read a Whisper network from a folder in CTranslate2's format.

    Raises
    ------
    kit.weights.checkpoints.CheckpointError
        The file is damaged, of another version, not Whisper, or quantised.
    """
    path = folder / "model.bin"
    try:
        with path.open("rb") as file:
            variables = dict(_variables(file, path.stat().st_size))
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        alignment = tuple((int(layer), int(head)) for layer, head in config["alignment_heads"])
        return WhisperCheckpoint(_dims(variables), dict(_named(variables)), alignment)
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise CheckpointError(f"{folder} has no readable Whisper network: {error}") from error


def _variables(file: BinaryIO, size: int) -> Iterator[tuple[str, NDArray[np.generic]]]:
    (version,) = struct.unpack("<I", file.read(4))
    kind = _text(file)
    _, count = struct.unpack("<II", file.read(8))
    if version != _VERSION or kind != "WhisperSpec":
        raise CheckpointError(
            f"The file is a {kind[:40]!r} of version {version}; only WhisperSpec "
            f"version {_VERSION} is supported."
        )
    for _ in range(count):
        name = _text(file)
        shape = struct.unpack(f"<{(rank := file.read(1)[0])}I", file.read(4 * rank))
        (code,) = file.read(1)
        (length,) = struct.unpack("<I", file.read(4))
        if code not in _TYPES or length > size:
            raise CheckpointError(f"{name[:100]!r} has a data type that is not supported.")
        yield name, np.frombuffer(file.read(length), _TYPES[code]).reshape(shape)


def _text(file: BinaryIO) -> str:
    (length,) = struct.unpack("<H", file.read(2))
    return file.read(length).rstrip(b"\0").decode("utf-8")


def _named(variables: Mapping[str, NDArray[np.generic]]) -> Iterator[tuple[str, StoredTensor]]:
    for name, array in variables.items():
        part = _LAYER.fullmatch(name)
        if part is None:
            if name in _PLAIN:
                yield _PLAIN[name], _real(name, array)
            continue
        side, number, inner = part.groups()
        prefix = f"{side}.blocks.{number}."
        owner, _, kind = inner.rpartition("/")
        if inner in _IN_LAYERS:
            yield prefix + _IN_LAYERS[inner], _real(name, array)
        elif owner in _JOINED and kind in ("weight", "bias"):
            attention, names = _JOINED[owner]
            whole = _real(name, array)
            rows = len(whole) // len(names)
            for position, part_name in enumerate(names):
                # Keys have no bias; CTranslate2 stores zeros instead.
                if (part_name, kind) != ("key", "bias"):
                    values = whole[position * rows : (position + 1) * rows]
                    yield f"{prefix}{attention}.{part_name}.{kind}", values


def _real(name: str, array: NDArray[np.generic]) -> StoredTensor:
    if array.dtype == np.float16:
        return array.astype(np.float16, copy=False)
    if array.dtype == np.float32:
        return array.astype(np.float32, copy=False)
    raise CheckpointError(
        f"{name} is quantised, which loses precision. Use weights that are not quantised."
    )


def _dims(variables: Mapping[str, NDArray[np.generic]]) -> dict[str, int]:
    def layers(side: str) -> int:
        parts = (_LAYER.fullmatch(name) for name in variables)
        return 1 + max(int(part[2]) for part in parts if part and part[1] == side)

    width, mels, _ = variables["encoder/conv1/weight"].shape
    words, text_width = variables["decoder/embeddings/weight"].shape
    return {
        "n_mels": mels,
        "n_audio_ctx": variables["encoder/position_encodings/encodings"].shape[0],
        "n_audio_state": width,
        "n_audio_head": int(variables["encoder/num_heads"].item()),
        "n_audio_layer": layers("encoder"),
        "n_vocab": words,
        "n_text_ctx": variables["decoder/position_encodings/encodings"].shape[0],
        "n_text_state": text_width,
        "n_text_head": int(variables["decoder/num_heads"].item()),
        "n_text_layer": layers("decoder"),
    }
