"""Measured values of sounds whose values are known, and the words that describe them."""

import numpy as np
import pytest

from contracts.search import SOUND_WORDS
from kit.arrays import F32
from services.tagging.measures import RATE, Measures, measure

TIME = np.arange(RATE) / RATE


def sine(frequency: float, decay: float = 0.3) -> F32:
    return np.asarray(
        0.5 * np.sin(2 * np.pi * frequency * TIME) * np.exp(-TIME / decay), np.float32
    )


def noise(low: float, high: float, decay: float = 0.2) -> F32:
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(RATE))
    frequencies = np.fft.rfftfreq(RATE, 1 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0.0
    sound = np.fft.irfft(spectrum, RATE) * np.exp(-TIME / decay)
    return np.asarray(0.5 * sound / np.abs(sound).max(), np.float32)


def kick() -> F32:
    phase = 2 * np.pi * np.cumsum(50 + 150 * np.exp(-TIME / 0.02)) / RATE
    return np.asarray(0.8 * np.sin(phase) * np.exp(-TIME / 0.15), np.float32)


def pad() -> F32:
    partials = sum(np.sin(2 * np.pi * 220 * n * TIME) / n for n in range(1, 6))
    return np.asarray(0.2 * partials * np.minimum(1.0, TIME / 0.4), np.float32)


SOUNDS = {
    "kick": kick(),
    "hat": noise(6000, 16_000, 0.05),
    "noise": noise(40, 16_000),
    "sub": sine(55, 1.0),
    "bell": sine(1500),
    "pad": pad(),
}
WORDS = {
    "kick": {"dark", "punchy", "deep", "tonal"},
    "hat": {"bright", "noisy", "punchy"},
    "noise": {"bright", "noisy", "punchy"},
    "sub": {"dark", "punchy", "deep", "tonal"},
    "bell": {"punchy", "tonal"},
    "pad": {"dark", "tonal"},
}


def words(measures: Measures) -> set[str]:
    """Return the words for sound that describe measured values, without those of length."""
    described = set()
    for name, (kind, limits, _) in SOUND_WORDS.items():
        value = getattr(measures, kind.value, None)
        if value is None:
            continue
        low = limits.min is None or value >= limits.min
        high = limits.max is None or value <= limits.max
        if low and high:
            described.add(name)
    return described


@pytest.mark.parametrize("name", SOUNDS)
def test_words_for_sound_describe_known_sounds(name: str) -> None:
    measures = measure(SOUNDS[name], RATE)
    assert measures is not None
    assert words(measures) == WORDS[name], measures


@pytest.mark.parametrize("frequency", [41.2, 110.0, 440.0, 1500.0])
def test_the_pitch_of_a_tone(frequency: float) -> None:
    measures = measure(sine(frequency, 1.0), RATE)
    assert measures is not None
    assert measures.pitch == pytest.approx(frequency, rel=0.01)
    assert measures.brightness == pytest.approx(frequency, rel=0.2, abs=20)


@pytest.mark.parametrize("rate", [22_050, 48_000])
def test_values_do_not_depend_on_level_and_rate(rate: int) -> None:
    time = np.arange(rate) / rate
    tone = np.asarray(0.3 * np.sin(2 * np.pi * 330 * time) * np.exp(-time), np.float32)
    loud, quiet = measure(tone, rate), measure(tone * np.float32(0.01), rate)
    assert loud is not None
    assert quiet is not None
    assert loud.pitch == pytest.approx(330, rel=0.01)
    assert quiet.brightness == pytest.approx(loud.brightness, rel=0.01)
    assert quiet.attack == pytest.approx(loud.attack, abs=0.002)


def test_silence_and_odd_samples() -> None:
    assert measure(np.zeros(1000, np.float32), RATE) is None
    assert measure(np.zeros(0, np.float32), RATE) is None
    odd = np.array([np.nan, np.inf, 0.5, -0.5], np.float32)
    measures = measure(odd, RATE)
    assert measures is not None
    assert measures.pitch is None
