"""Silero's network in numpy: equal to the official graph, in blocks of any size, and guarded."""

from pathlib import Path

import numpy as np
import pytest

from kit.arrays import F32
from kit.weights.damage import CheckpointError
from kit.weights.manifest import WeightsManifest
from kit.weights.store import Store
from services.tagging.networks import silero
from services.tagging.voice_activity import CHUNK, RATE, VoiceActivity, VoiceActivityNetwork

OFFICIAL = "silero_vad_16k_op15.onnx"


def syllables(seconds: float) -> F32:
    """Return pulses whose pitch and vowel change with each syllable, and pauses between them."""
    clock = np.arange(round(seconds * RATE)) / RATE
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * clock)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    vowel = 600 + 200 * np.sin(2 * np.pi * 1.3 * clock)
    wave = sum(np.cos(n * phase) / (1 + ((n * pitch - vowel) / 250) ** 2) for n in range(1, 25)) * (
        np.sin(2 * np.pi * 3.5 * clock) > -0.4
    )
    return (0.1 * wave).astype(np.float32)


@pytest.fixture(scope="module")
def official(store: Store, manifest: WeightsManifest, weights: dict[str, Path]) -> Path:
    entry = next(entry for entry in manifest.weights if entry.name == "silero-vad")
    assert weights["silero-vad"].is_file()
    return store.folder(entry) / OFFICIAL


def test_probabilities_are_those_of_the_official_graph(
    official: Path, weights: dict[str, Path]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    audio = syllables(3.2)
    stream = VoiceActivity(VoiceActivityNetwork(weights["silero-vad"]).run)
    stream.feed(audio)
    actual = stream.finish()
    session = onnxruntime.InferenceSession(str(official))
    state = np.zeros((2, 1, 128), np.float32)
    padded = np.concatenate([np.zeros(64, np.float32), audio])
    for index, probability in enumerate(actual):
        chunk = padded[index * CHUNK : index * CHUNK + CHUNK + 64][None]
        inputs = {"input": chunk, "state": state, "sr": np.array(RATE, np.int64)}
        expected, state = session.run(None, inputs)
        assert probability == pytest.approx(float(expected[0, 0]), abs=1e-4)
    assert actual.max() > 0.2 > 0.01 > actual.min()


def test_blocks_do_not_matter_and_the_last_chunk_is_filled_up(weights: dict[str, Path]) -> None:
    network = VoiceActivityNetwork(weights["silero-vad"])
    audio = syllables(2.0)[: 40 * CHUNK + 100]
    whole, parts = VoiceActivity(network.run), VoiceActivity(network.run)
    whole.feed(audio)
    for start in range(0, audio.size, 333):
        parts.feed(audio[start : start + 333])
    assert whole.finish().shape == (41,)
    np.testing.assert_allclose(whole.finish(), parts.finish(), atol=1e-5)


def test_nothing_has_no_probabilities(weights: dict[str, Path]) -> None:
    network = VoiceActivityNetwork(weights["silero-vad"])
    assert VoiceActivity(network.run).finish().size == 0


def test_the_same_file_gives_the_same_bytes(
    official: Path, weights: dict[str, Path], tmp_path: Path
) -> None:
    silero.convert({OFFICIAL: official}, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == weights["silero-vad"].read_bytes()


def test_a_damaged_file_is_refused(weights: dict[str, Path], tmp_path: Path) -> None:
    damaged = tmp_path / "silero-vad.npz"
    damaged.write_bytes(weights["silero-vad"].read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="damaged"):
        VoiceActivityNetwork(damaged)
    np.savez(damaged, spectrum=np.zeros(3, np.float32))
    with pytest.raises(CheckpointError, match="not the network"):
        VoiceActivityNetwork(damaged)
