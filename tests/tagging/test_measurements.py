"""Measured values of sounds whose loudness, timbre, envelope and pitch are known."""

from functools import cache

import numpy as np
import pytest

from benchmarks.sound_words import holds, shares
from contracts.tagging import SoundFacts
from kit.arrays import Mono
from services.tagging.measurements import detect_pitch, measure
from tests.support import signals

RATE = 44_100


def facts(mono: Mono, *, rate: int = RATE, one_shot: bool = True) -> SoundFacts:
    return measure(mono[None], mono, rate, one_shot=one_shot)


def sine(
    frequency: float, seconds: float = 0.5, *, rate: int = RATE, amplitude: float = 0.5
) -> Mono:
    return signals.sine(frequency, seconds, sample_rate=rate, amplitude=amplitude)[0]


@pytest.mark.parametrize("rate", [22_050, 44_100, 96_000])
def test_a_sine_is_tonal_at_its_frequency(rate: int) -> None:
    measured = facts(sine(440.0, rate=rate), rate=rate)
    assert measured.brightness == pytest.approx(440, rel=0.03)
    assert measured.noisiness is not None
    assert measured.noisiness < 0.02
    assert measured.pitch == pytest.approx(440, rel=0.005)
    assert measured.pitch_clarity == pytest.approx(1, abs=0.02)


def test_white_noise_is_noisy_without_a_pitch() -> None:
    measured = facts(signals.noise(0.5)[0])
    assert measured.noisiness == pytest.approx(0.85, abs=0.03)
    assert measured.brightness == pytest.approx(RATE / 4, rel=0.05)
    assert (measured.pitch, measured.pitch_clarity) == (None, None)


@pytest.mark.parametrize("note", [28, 40, 60, 81])
def test_a_note_with_overtones_has_the_pitch_of_its_fundamental(note: int) -> None:
    clock = np.arange(RATE // 2) / RATE
    wave = sum(
        np.sin(2 * np.pi * k * signals.note_frequency(note) * clock) / k for k in range(1, 8)
    )
    measured = detect_pitch(np.asarray(0.3 * wave * np.exp(-4 * clock), np.float32), RATE)
    assert measured is not None
    assert measured.frequency == pytest.approx(signals.note_frequency(note), rel=0.01)


def test_the_envelope_gives_attack_and_decay() -> None:
    clock = np.arange(RATE) / RATE
    rise = np.minimum(1.0, clock / 0.1)
    fall = np.exp(-np.maximum(0.0, clock - 0.1) * np.log(10) / 0.3)
    wave = np.asarray(0.5 * rise * fall * np.sin(2 * np.pi * 1000 * clock), np.float32)
    measured = facts(wave)
    assert measured.attack == pytest.approx(0.08, abs=0.003)
    assert measured.decay == pytest.approx(0.3, abs=0.005)


def test_loudness_is_that_of_the_loudest_part_and_nothing_else_depends_on_level() -> None:
    quiet, loud = (facts(sine(1000.0, amplitude=level)) for level in (0.05, 0.5))
    assert loud.loudness is not None
    assert quiet.loudness == pytest.approx(loud.loudness - 20, abs=0.01)
    assert quiet.brightness == pytest.approx(loud.brightness, rel=1e-3)
    assert (quiet.attack, quiet.pitch) == (loud.attack, pytest.approx(loud.pitch))
    tail = np.concatenate([sine(1000.0), np.zeros(RATE, np.float32), sine(3000.0, amplitude=0.01)])
    assert facts(tail).loudness == pytest.approx(loud.loudness, abs=0.1)
    assert facts(tail).brightness == pytest.approx(1000, rel=0.05)


def test_a_loop_has_no_envelope_and_no_pitch() -> None:
    measured = facts(signals.drum_loop(120.0, 1).audio[0], one_shot=False)
    assert (measured.attack, measured.decay, measured.pitch) == (None, None, None)
    assert measured.brightness is not None


@pytest.mark.parametrize("size", [1, 2, 50, 500])
def test_the_shortest_sounds_are_measured(size: int) -> None:
    measured = facts(np.full(size, 0.5, np.float32))
    assert measured.loudness is not None
    assert measured.noisiness is not None
    assert SoundFacts.model_validate_json(measured.model_dump_json()) == measured


@cache
def drums(seed: int) -> dict[str, Mono]:
    """Return generated drums: a kick and a tom that fall, a snare, and filtered noise as hats."""
    rng = np.random.default_rng(seed)
    clock = np.arange(RATE // 2) / RATE

    def drop(start: float, end: float, decay: float) -> Mono:
        phase = 2 * np.pi * (end * clock + (start - end) / 40 * (1 - np.exp(-40 * clock)))
        return np.asarray(0.8 * np.sin(phase) * np.exp(-decay * clock), np.float32)

    noise = rng.normal(0, 0.3, clock.size)
    bright = np.diff(np.diff(rng.normal(0, 0.2, clock.size + 2)))
    body = 0.3 * np.sin(2 * np.pi * 190 * clock) * np.exp(-25 * clock)
    return {
        "kick": drop(150 + 10 * seed, 45 + seed, 14),
        "tom": drop(180, 130 + 3 * seed, 8),
        "snare": np.asarray(noise * np.exp(-18 * clock) + body, np.float32),
        "closed_hat": np.asarray(bright * np.exp(-60 * clock), np.float32),
        "open_hat": np.asarray(bright * np.exp(-8 * clock), np.float32),
    }


def test_the_words_for_sound_tell_generated_drums_apart() -> None:
    sounds = [(name, audio, RATE) for seed in range(8) for name, audio in drums(seed).items()]
    measured = {label: words for label, (_, words) in shares(sounds).items()}

    def classes(word: str) -> set[str]:
        return {label for label, words in measured.items() if words[word] > 0.5}

    assert classes("bright") == {"closed_hat", "open_hat", "snare"}
    assert classes("dark") == {"kick", "tom"}
    assert classes("deep") == {"kick"}
    assert classes("tonal") == {"kick", "tom"}
    assert classes("noisy") == {"snare", "closed_hat", "open_hat"}
    assert {"kick", "snare", "closed_hat"} <= classes("punchy")


def test_short_and_long_are_lengths() -> None:
    words = {s: holds(sine(440.0, s), RATE, one_shot=True) for s in (0.2, 1.0, 3.0)}
    assert [words[s]["short"] for s in words] == [True, False, False]
    assert [words[s]["long"] for s in words] == [False, False, True]
