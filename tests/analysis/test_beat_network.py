from pathlib import Path

import numpy as np
import pytest

from kit.arrays import F32
from kit.weights.damage import CheckpointError
from services.analysis.beat_network import BANDS, RATE, BeatNetworks, features
from tests.analysis.networks import beat_weights, weights
from tests.support import signals


def described(audio: F32, *, block: int = 1 << 20) -> F32:
    blocks = (audio[:, at : at + block] for at in range(0, audio.shape[1], block))
    return np.concatenate(list(features(blocks, RATE)))


def test_features_are_magnitudes_and_their_rises() -> None:
    time = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 1000.0 * time).astype(np.float32)
    tone[: RATE // 2] = 0.0
    values = described(tone[None])
    assert values.shape == (101, 2 * BANDS)
    assert not values[:23].any()
    # The window's sum is 705, half of it falls to each of two frequencies.
    strongest = int(np.argmax(values[60, :BANDS]))
    assert 10 ** values[60, strongest] - 1 == pytest.approx(705.0 / 2, rel=0.6)
    assert values[24:26, BANDS:].max() > 1.0
    assert values[60, BANDS:].max() < 0.01


def test_blocks_of_any_length_give_the_same() -> None:
    audio = signals.drum_loop(120.0, 4, sample_rate=RATE).audio
    np.testing.assert_allclose(described(audio), described(audio, block=777), atol=1e-5)


def test_networks_hold_their_state_from_batch_to_batch() -> None:
    networks = BeatNetworks(beat_weights())
    inputs = described(signals.drum_loop(120.0, 1, sample_rate=RATE).audio)
    whole = networks.run([inputs])
    assert whole.shape == (3, len(inputs), 2)
    np.testing.assert_allclose(networks.run([inputs[:33], inputs[33:]]), whole, atol=1e-5)
    np.testing.assert_allclose(
        BeatNetworks([weights()["beatnet-2"]]).run([inputs])[0], whole[1], atol=1e-5
    )
    assert networks.run([]).shape == (3, 0, 2)


def test_networks_find_the_beat() -> None:
    audio = signals.drum_loop(100.0, 8, sample_rate=RATE).audio
    mean = BeatNetworks(beat_weights()).run([described(audio)]).mean(axis=0).sum(axis=1)
    beats = np.round(np.arange(8, 32) * 0.6 * 50).astype(int)
    between = np.round((np.arange(8, 31) + 0.5) * 0.6 * 50).astype(int)
    assert mean[beats].mean() > 3 * mean[between].mean()


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    path.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError):
        BeatNetworks([path])
