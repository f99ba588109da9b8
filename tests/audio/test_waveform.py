"""The small waveform of a file: 150 columns of peak and RMS, however the audio arrives."""

import base64
import random

import numpy as np
import pytest

from kit.arrays import AudioBlock
from kit.audio.waveform import WaveformMeter


def amplitudes(meter: WaveformMeter) -> np.ndarray:
    """Return the decoded columns, `[150, 2]`: peak and RMS as amplitudes."""
    data = np.frombuffer(base64.b64decode(meter.encoded()), np.uint8).reshape(150, 2)
    return (data / 255.0) ** 2


def measured(audio: AudioBlock, *, seed: int | None = None) -> WaveformMeter:
    """Return a meter that got audio at once, or in blocks of random lengths."""
    meter = WaveformMeter()
    if seed is None:
        meter.add(audio)
        return meter
    chance, start = random.Random(seed), 0
    while start < audio.shape[1]:
        length = chance.choice((0, 1, 7, 4096, 65_536))
        meter.add(audio[:, start : start + length])
        start += length
    return meter


@pytest.mark.parametrize("samples", [1, 149, 150, 151, 9_600, 9_601, 19_201, 1_000_003])
def test_columns_are_the_peak_and_the_rms_of_equal_parts(samples: int) -> None:
    noise = np.random.default_rng(samples).uniform(-1, 1, (2, samples)).astype(np.float32)
    # A fade, so that a column in a wrong place has a wrong height.
    audio = noise * np.linspace(0, 1, samples, dtype=np.float32)
    columns = amplitudes(measured(audio))
    edges = np.arange(151) * samples // 150
    for column in range(150):
        part = audio[:, edges[column] : max(edges[column] + 1, edges[column + 1])]
        peak, rms = np.abs(part).max(), np.sqrt(np.square(part, dtype=np.float64).mean())
        # A byte is exact within 0.4 %, an edge within 1/32 of a column.
        assert columns[column] == pytest.approx([peak, rms], abs=0.02)


def test_blocks_of_any_length_give_the_same_waveform() -> None:
    audio = np.random.default_rng(1).normal(0, 0.2, (2, 300_001)).astype(np.float32)
    whole = measured(audio).encoded()
    assert {measured(audio, seed=seed).encoded() for seed in range(4)} == {whole}


def test_soft_sounds_have_a_shape_and_loud_ones_are_clipped() -> None:
    assert amplitudes(measured(np.full((1, 600), 0.01, np.float32))) == pytest.approx(
        0.01, rel=0.05
    )
    assert amplitudes(measured(np.full((1, 600), -1.5, np.float32))) == pytest.approx(1.0)
    assert not amplitudes(measured(np.zeros((2, 600), np.float32))).any()
    assert not amplitudes(WaveformMeter()).any()
