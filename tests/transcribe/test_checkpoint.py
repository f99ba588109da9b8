"""The reader of CTranslate2's files: every number comes out, by OpenAI's names."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from kit.weights.checkpoints import CheckpointError
from services.transcribe.networks.checkpoint import read_checkpoint


@pytest.fixture(scope="module")
def folder(weights: dict[str, Path]) -> Path:
    return weights["whisper-base"]


def test_the_sizes_are_those_of_the_base_network(folder: Path) -> None:
    assert read_checkpoint(folder).dims == {
        "n_mels": 80,
        "n_audio_ctx": 1500,
        "n_audio_state": 512,
        "n_audio_head": 8,
        "n_audio_layer": 6,
        "n_vocab": 51865,
        "n_text_ctx": 448,
        "n_text_state": 512,
        "n_text_head": 8,
        "n_text_layer": 6,
    }


def test_every_number_is_there_once(folder: Path) -> None:
    result = read_checkpoint(folder)
    # As many as OpenAI states for the base network, and the encoder's fixed sinusoids.
    assert sum(array.size for array in result.tensors.values()) == 71_825_920 + 1500 * 512
    for side in ("encoder", "decoder"):
        for part in ("query.weight", "query.bias", "key.weight", "value.weight", "value.bias"):
            assert f"{side}.blocks.5.attn.{part}" in result.tensors
        assert f"{side}.blocks.5.attn.key.bias" not in result.tensors
    assert len(result.alignment) == 8
    stated = json.loads((folder / "config.json").read_text(encoding="utf-8"))["alignment_heads"]
    assert [list(pair) for pair in result.alignment] == stated


def test_the_encoders_places_are_whispers_sinusoids(folder: Path) -> None:
    # Known without the file: sines in the first half, cosines in the second.
    rates = np.exp(-np.log(10_000) / 255 * np.arange(256))
    angles = np.arange(1500)[:, None] * rates[None]
    true = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    result = read_checkpoint(folder).tensors["encoder.positional_embedding"]
    np.testing.assert_allclose(result.astype(np.float64), true, atol=2e-3)


def damaged(folder: Path, to: Path, content: bytes) -> Path:
    to.mkdir(exist_ok=True)
    (to / "model.bin").write_bytes(content)
    shutil.copy(folder / "config.json", to)
    return to


def text(name: str) -> bytes:
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


HEAD = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, 1)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no readable Whisper"),
        (b"\x06\0\0\0", "no readable Whisper"),
        (struct.pack("<I", 5) + text("WhisperSpec") + struct.pack("<II", 3, 1), "of version 5"),
        (struct.pack("<I", 6) + text("TransformerSpec") + struct.pack("<II", 3, 1), "Transformer"),
        (HEAD + text("a") + b"\x00\x09" + struct.pack("<I", 4) + b"abcd", "not supported"),
        (HEAD + text("a") + b"\x00\x00" + struct.pack("<I", 1 << 31), "not supported"),
        (
            HEAD + text("a") + b"\x01\x07\0\0\0\x00" + struct.pack("<I", 4) + b"abcd",
            "no readable Whisper",
        ),
        (
            HEAD + text("encoder/conv1/bias") + b"\x01\x04\0\0\0\x01" + b"\x04\0\0\0abcd",
            "quantised|no readable Whisper",
        ),
    ],
)
def test_other_files_are_refused(folder: Path, tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(CheckpointError, match=why):
        read_checkpoint(damaged(folder, tmp_path / "x", content))


def test_a_file_that_ends_early_is_refused(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "model.bin").read_bytes()
    for share in (0.1, 0.5, 0.99):
        with pytest.raises(CheckpointError):
            read_checkpoint(damaged(folder, tmp_path / "x", whole[: int(share * len(whole))]))
