"""The evidence of the audio itself."""

import numpy as np
import pytest

from services.midi.partials import FRAME, HOP, RATE, fall, partials, power, rise


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
    heard = [k for k in range(1, 9) if 90 <= k * frequency <= 6000]
    assert rows.shape == (len(heard), 80)
    if heard[0] == 1:
        assert (rows[0, 10:70] > 100 * rows[1:, 10:70].max(axis=0, initial=0)).all()


@pytest.mark.parametrize("release", [0.005, 0.02, 0.04])
def test_a_released_note_falls_where_it_was_released(release: float) -> None:
    audio = tone(440, 1.5, decay=1.0)
    past = np.maximum(np.arange(len(audio)) / RATE - 0.8, 0)
    audio *= np.exp(-past / release).astype(np.float32)
    found = fall(power(audio, 120), 69, 0, 120)
    assert found is not None
    assert abs(found * FRAME - 0.8) < 0.05


@pytest.mark.parametrize("decay", [0.0, 2.0, 0.3])
def test_a_ringing_note_does_not_fall(decay: float) -> None:
    assert fall(power(tone(440, 1.5, decay=decay), 100), 69, 4, 100) is None


def test_too_short_to_tell() -> None:
    spectrum = power(tone(440, 1.0), 80)
    assert fall(spectrum, 69, 10, 18) is None
    assert rise(spectrum, 69, 0) == np.inf


def test_a_second_strike_is_a_rise_and_ringing_on_is_none() -> None:
    once = tone(440, 1.0, decay=0.5)
    twice = once.copy()
    half = len(once) // 2
    twice[half:] += once[:-half] if len(once) % 2 == 0 else once[: len(once) - half]
    at = half // HOP
    assert rise(power(twice, 80), 69, at) > 3
    assert rise(power(once, 80), 69, at) < 1
