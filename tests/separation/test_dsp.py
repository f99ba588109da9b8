"""Windows, transforms and measures, against what they must give."""

import numpy as np
import pytest

from kit.arrays import F32
from kit.signal.decibels import power_to_db
from services.separation.dsp import (
    SILENCE_DBFS,
    ConfidenceMeter,
    LevelMeter,
    hann,
    overlap_add,
    second_confidence,
    stft,
    triangle,
    window_power,
)
from tests.separation.fake_separators import snr


def noise(*shape: int, seed: int = 0) -> F32:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) * np.float32(0.1)


def test_a_tone_lies_in_its_bin() -> None:
    window = hann(1024)
    time = np.arange(4096) / 1024
    spectrum = np.abs(stft(np.cos(2 * np.pi * 100 * time).astype(np.float32), window, 256))
    assert spectrum.shape == (13, 513)
    assert (spectrum.argmax(axis=1) == 100).all()
    assert spectrum[:, 100] == pytest.approx(256, rel=1e-3)


def test_a_spectrum_gives_its_signal_back() -> None:
    signal, window = noise(2, 20_480), hann(4096)
    spectrum = stft(signal, window, 1024)
    power = window_power(window, 1024, spectrum.shape[-2])
    output = overlap_add(spectrum, window, 1024) / np.maximum(power, np.float32(1e-9)).astype(
        np.float32
    )
    assert snr(signal[:, 3072:-3072], output[:, 3072:-3072]) > 120
    assert power[3072:-3072] == pytest.approx(1.5, abs=1e-5)


def test_a_signal_shorter_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="100 samples are less than one window of 4096"):
        stft(noise(100), hann(4096), 1024)


def test_a_hop_must_divide_the_window() -> None:
    with pytest.raises(ValueError, match="does not divide"):
        overlap_add(np.zeros((3, 513), np.complex64), hann(1024), 300)


def test_weights_are_never_zero() -> None:
    for size in (1, 2, 7, 343_980):
        weight = triangle(size)
        assert weight.size == size
        assert weight.min() > 0
        assert weight.max() == 1


def test_levels() -> None:
    loudness = LevelMeter()
    assert loudness.level_dbfs == SILENCE_DBFS
    loudness.add(np.full((2, 100), 0.5, np.float32))
    loudness.add(np.zeros((2, 300), np.float32))
    assert loudness.level_dbfs == pytest.approx(-12.04, abs=0.01)
    assert loudness.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert power_to_db(0.0, floor=SILENCE_DBFS) == SILENCE_DBFS


def test_confidence_is_high_for_stems_apart_and_low_for_the_same_in_both() -> None:
    time = np.arange(44_100) / 44_100
    low = np.sin(2 * np.pi * 200 * time).astype(np.float32)[None] * np.float32(0.3)
    high = np.sin(2 * np.pi * 5000 * time).astype(np.float32)[None] * np.float32(0.3)
    apart = second_confidence(np.stack([low, high]), low + high)
    smeared = second_confidence(np.stack([(low + high) / 2, (low + high) / 2]), low + high)
    assert (apart > 0.99).all()
    assert (smeared < 0.55).all()


def test_confidence_falls_with_what_is_left_over() -> None:
    low, rest = noise(1, 44_100), noise(1, 44_100, seed=1)
    stems = np.stack([low, np.zeros_like(low)])
    kept = second_confidence(stems, low)
    lost = second_confidence(stems, low + rest)
    assert kept[0] > 0.95
    assert lost[0] < 0.6
    assert kept[1] == 0


def test_confidence_is_reported_for_each_second_whatever_the_blocks() -> None:
    stems, mixture = noise(2, 1, 100_000), noise(1, 100_000)
    measured = []
    for size in (100_000, 777, 44_100):
        confidence = ConfidenceMeter(44_100)
        for start in range(0, 100_000, size):
            confidence.add(stems[..., start : start + size], mixture[:, start : start + size])
        confidence.finish()
        measured.append(np.array(confidence.seconds))
        assert confidence.overall().shape == (2,)
    assert measured[0].shape == (3, 2)
    for other in measured[1:]:
        assert np.allclose(measured[0], other)
