"""The evidence of the audio itself."""

import numpy as np
import pytest

from kit.notes.partials import (
    FRAME,
    HOP,
    RATE,
    find_decay,
    level_recovery,
    level_rise,
    partials,
    power,
    release_tail,
)


def tone(frequency: float, seconds: float, *, decay: float = 0.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    level = np.exp(-time / decay) if decay else np.ones_like(time)
    return (0.3 * level * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def test_power_is_centred_on_its_frames() -> None:
    audio = np.zeros(40 * HOP, np.float32)
    audio[20 * HOP] = 1.0
    spectrum = power(audio, 40)
    assert spectrum.shape == (40, 1025)
    level = spectrum.sum(axis=1)
    assert level.argmax() == 20
    np.testing.assert_allclose(level[20 - 3 : 20], level[20 + 3 : 20 : -1], rtol=1e-4)
    assert not level[:16].any()
    assert not level[25:].any()


def test_power_in_blocks_is_power_at_once() -> None:
    audio = np.random.default_rng(0).normal(size=700 * HOP).astype(np.float32)
    whole = power(audio, 700)
    part = power(audio[300 * HOP :], 100)
    np.testing.assert_allclose(part[8:90], whole[308:390], rtol=1e-3, atol=1e-3)


def test_beyond_the_audio_is_silence() -> None:
    assert not power(tone(440, 0.5), 200)[60:].any()
    assert not power(np.zeros(0, np.float32), 5).any()


@pytest.mark.parametrize("pitch", [21, 45, 69, 93, 108])
def test_a_tone_lies_in_its_first_partial(pitch: int) -> None:
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    rows = partials(power(tone(frequency, 1.0), 80), pitch)
    output = [k for k in range(1, 9) if 90 <= k * frequency <= 6000]
    assert rows.shape == (len(output), 80)
    if output[0] == 1:
        assert (rows[0, 10:70] > 100 * rows[1:, 10:70].max(axis=0, initial=0)).all()


@pytest.mark.parametrize("release", [0.005, 0.02, 0.04])
def test_a_released_note_falls_where_it_was_released(release: float) -> None:
    audio = tone(440, 1.5, decay=1.0)
    past = np.maximum(np.arange(len(audio)) / RATE - 0.8, 0)
    audio *= np.exp(-past / release).astype(np.float32)
    result = find_decay(power(audio, 120), 69, 0, 120)
    assert result is not None
    assert abs(result * FRAME - 0.8) < 0.05


@pytest.mark.parametrize("decay", [0.0, 2.0, 0.3])
def test_a_sustained_note_does_not_decay(decay: float) -> None:
    assert find_decay(power(tone(440, 1.5, decay=decay), 100), 69, 4, 100) is None


def test_too_short_to_tell() -> None:
    spectrum = power(tone(440, 1.0), 80)
    assert find_decay(spectrum, 69, 10, 18) is None
    assert level_rise(spectrum, 69, 0) == (np.inf, 0.0)
    assert level_recovery(spectrum, 69, 18, 18) is None
    assert release_tail(spectrum, 69, 10, 18, 22) == 18


def test_a_second_onset_is_a_level_rise_and_a_release_tail_is_not() -> None:
    once = tone(440, 1.0, decay=0.5)
    twice = once.copy()
    half = len(once) // 2
    twice[half:] += once[:-half] if len(once) % 2 == 0 else once[: len(once) - half]
    at = half // HOP
    growth, before = level_rise(power(twice, 80), 69, at)
    assert growth > 3
    assert before < 0
    assert level_rise(power(once, 80), 69, at)[0] < 1


def test_a_crescendo_has_risen_before() -> None:
    audio = tone(440, 1.0) * np.minimum(np.arange(RATE) / (0.4 * RATE), 1).astype(np.float32)
    growth, before = level_rise(power(audio, 80), 69, round(0.2 / FRAME))
    assert growth > 3
    assert before > 3


@pytest.mark.parametrize("depth", [0.2, 0.5])
def test_a_vibrato_does_not_rise(depth: float) -> None:
    time = np.arange(RATE) / RATE
    bent = 440 * 2 ** (depth * np.sin(2 * np.pi * 5 * time) / 12)
    phase = 2 * np.pi * np.cumsum(bent) / RATE
    audio = sum(np.sin(k * phase) / k for k in range(1, 9)).astype(np.float32)
    spectrum = power(audio, 80)
    assert max(level_rise(spectrum, 69, at)[0] for at in range(15, 70)) < 2


def test_what_comes_back_begins_where_it_was_weakest() -> None:
    audio = tone(440, 1.0)
    gap = slice(round(0.5 * RATE), round(0.6 * RATE))
    audio[gap] *= 0.02
    again = level_recovery(power(audio, 80), 69, 38, 78)
    assert again is not None
    assert 0.5 < again * FRAME < 0.6
    assert level_recovery(power(tone(440, 1.0, decay=0.3), 80), 69, 38, 78) is None


def test_a_string_rings_on_until_it_is_damped() -> None:
    audio = tone(440, 2.0, decay=0.5)
    past = np.maximum(np.arange(len(audio)) / RATE - 1.2, 0)
    audio *= np.exp(-past / 0.02).astype(np.float32)
    spectrum = power(audio, 160)
    assert release_tail(spectrum, 69, 2, 50, 160) * FRAME == pytest.approx(1.2, abs=0.06)
    # One that rang on before goes on ringing.
    assert release_tail(spectrum, 69, 50, 50, 160) * FRAME == pytest.approx(1.2, abs=0.06)
    assert release_tail(spectrum, 69, 2, 50, 80) == 80


def test_the_tail_of_a_held_note_does_not_ring() -> None:
    audio = tone(440, 2.0)
    past = np.maximum(np.arange(len(audio)) / RATE - 0.6, 0)
    audio *= np.exp(-past / 0.2).astype(np.float32)
    output = round(0.62 / FRAME)
    assert release_tail(power(audio, 160), 69, 2, output, 160) == output


def test_noise_does_not_ring() -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)
    assert release_tail(power(audio, 160), 69, 2, 50, 160) == 50
