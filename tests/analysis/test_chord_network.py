from pathlib import Path

import h5py
import numpy as np
import pytest

from kit.arrays import F32
from kit.weights.damage import CheckpointError
from services.analysis.chord_network import FRAME_RATE, QUALITIES, ChordNetwork, spectra
from tests.analysis.networks import weights

RATE = 22_050


def levels(audio: F32, *, block: int = 1 << 20) -> F32:
    blocks = (audio[:, at : at + block] for at in range(0, audio.shape[1], block))
    return np.concatenate(list(spectra(blocks, RATE)))


def chord(pitches: tuple[int, ...], seconds: float) -> F32:
    time = np.arange(round(seconds * RATE)) / RATE
    total = np.zeros(time.size)
    for pitch in pitches:
        frequency = 440.0 * 2.0 ** ((pitch - 69) / 12)
        for harmonic in range(1, 7):
            total += 0.6**harmonic * np.sin(2 * np.pi * harmonic * frequency * time)
    return (0.1 * total)[None].astype(np.float32)


@pytest.mark.parametrize("pitch", [26, 45, 59, 60, 81, 104])
def test_a_tone_is_loudest_in_its_own_bin(pitch: int) -> None:
    time = np.arange(6 * RATE) / RATE
    tone = np.sin(2 * np.pi * 440.0 * 2.0 ** ((pitch - 69) / 12) * time).astype(np.float32)
    values = levels(tone[None]).astype(np.float32)
    assert values.shape == (6 * 11_025 // 1024 + 1, 252)
    middle = values[len(values) // 2]
    assert int(np.argmax(middle)) == 3 * (pitch - 24)
    # Half the amplitude, times the square root of the filter's length at 44.1 kHz.
    length = 44_100 / (2 ** (1 / 36) - 1) / (440.0 * 2.0 ** ((pitch - 69) / 12))
    assert middle.max() == pytest.approx(20 * np.log10(0.5 * length**0.5), abs=0.3)


def test_blocks_of_any_length_give_the_same() -> None:
    audio = chord((48, 64, 67), 3.0)
    np.testing.assert_allclose(levels(audio), levels(audio, block=999), atol=0.1)


def test_the_network_recognises_a_seventh_and_the_bass() -> None:
    audio = np.concatenate([chord((48, 60, 64, 67, 70), 4.0), chord((52, 60, 64, 67), 4.0)], axis=1)
    output = ChordNetwork(weights()["crema-chord"]).run([levels(audio)])
    assert output.chords.shape == (len(levels(audio)), 170)
    np.testing.assert_allclose(np.exp(output.chords).sum(axis=1), 1.0, atol=1e-4)
    first, second = (
        slice(round(a * FRAME_RATE), round(b * FRAME_RATE)) for a, b in ((1, 3), (5, 7))
    )
    assert QUALITIES[int(output.chords[first].mean(axis=0).argmax())] == "7"
    assert QUALITIES[int(output.chords[second].mean(axis=0).argmax())] == "maj"
    lowest = [output.bass[part].mean(axis=0) for part in (first, second)]
    assert int(lowest[0].argmax()) == 0
    assert lowest[1][4] > lowest[0][4] + 1.0


def test_a_long_recording_runs_in_passes_that_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = np.concatenate([chord((48, 64, 67), 6.0), chord((53, 60, 65, 69), 6.0)], axis=1)
    network = ChordNetwork(weights()["crema-chord"])
    whole = network.run([levels(audio)]).chords
    monkeypatch.setattr("services.analysis.chord_network._AT_ONCE", 50)
    parts = network.run([levels(audio)]).chords
    assert parts.shape == whole.shape
    # The context on both sides is longer than this recording.
    np.testing.assert_allclose(parts, whole, atol=1e-3)
    assert network.run([]).chords.shape == (0, 170)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    path.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="not CREMA"):
        ChordNetwork(path)
    with h5py.File(path, "w") as file:
        file["model_weights/conv2d_1/conv2d_1/kernel:0"] = np.zeros((5, 5, 2, 1))
    with pytest.raises(CheckpointError, match="not CREMA"):
        ChordNetwork(path)
