"""One channel of two, in which nothing is lost."""

import numpy as np
import pytest

from kit.arrays import F32
from kit.audio.downmix import downmix
from tests.support import signals

RATE = 44_100


def mono(audio: F32, *, block: int = 10_000, rate: int = RATE) -> F32:
    parts = [audio[:, at : at + block] for at in range(0, audio.shape[1], block)]
    mixed = list(downmix(parts, rate))
    joined = np.concatenate(mixed, axis=1)
    assert joined.shape == (1, audio.shape[1])
    assert joined.dtype == np.float32
    return joined[0]


def music(seconds: float = 4.0, *, transpose: int = 0) -> F32:
    chords = [(60, 64, 67), (65, 69, 72)] * 4
    return signals.chords(
        [tuple(n + transpose for n in chord) for chord in chords[: round(seconds)]], 1.0
    )


def level(audio: F32) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(audio.astype(np.float64) ** 2)) + 1e-12))


@pytest.mark.parametrize("block", [1, 777, 10_000, 10**6])
@pytest.mark.parametrize("samples", [1, 50, 4096, 30_001])
def test_opposite_channels_give_what_equal_ones_do(block: int, samples: int) -> None:
    if block == 1:
        samples = min(samples, 5000)
    sound = music(1.0)[:, :samples]
    opposite = np.concatenate([sound, -sound])
    np.testing.assert_allclose(mono(opposite, block=block), sound[0], atol=1e-6)
    equal = np.concatenate([sound, sound])
    np.testing.assert_array_equal(mono(equal, block=block), sound[0])


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000])
def test_rates_make_no_difference(rate: int) -> None:
    sound = signals.voice(sample_rate=rate)
    mixed = mono(np.concatenate([sound, -sound]), rate=rate)
    np.testing.assert_allclose(mixed, sound[0], atol=1e-6)


def test_one_channel_stays_and_of_many_the_mean_is_taken() -> None:
    sound = music(1.0)
    np.testing.assert_array_equal(mono(sound), sound[0])
    np.testing.assert_allclose(mono(np.concatenate([sound] * 3)), sound[0], atol=1e-6)
    assert list(downmix([], RATE)) == []


def test_channels_that_go_together_give_their_mean() -> None:
    """Panned instruments, a room that differs a little: ordinary stereo is left alone."""
    left, right = music(4.0), music(4.0, transpose=5)
    room = signals.noise(4.0, channels=2, amplitude=0.01, seed=3)
    audio = np.concatenate([left + 0.3 * right, right + 0.3 * left]) + room
    mean = audio.mean(axis=0)
    assert level(mono(audio) - mean) < level(mean) - 45


def test_a_signal_in_one_channel_is_left_unchanged() -> None:
    sound = music(2.0)
    audio = np.concatenate([sound, np.zeros_like(sound)])
    np.testing.assert_allclose(mono(audio), 0.5 * sound[0], atol=1e-7)
    np.testing.assert_allclose(mono(audio[::-1]), 0.5 * sound[0], atol=1e-7)


def test_unrelated_channels_give_nearly_their_mean() -> None:
    audio = signals.noise(5.0, channels=2, seed=8)
    mean = audio.mean(axis=0)
    assert level(mono(audio) - mean) < level(mean) - 18


def test_where_the_phase_turns_the_level_holds_and_nothing_clicks() -> None:
    """Half a recording in phase, half out of it: neither a hole nor a step between."""
    sound = signals.voice("aeiouaeiou", seconds_each=0.4)
    turned = sound.copy()
    turned[:, RATE * 2 :] *= -1
    mixed = mono(np.concatenate([sound, turned]))
    assert level(mixed - sound[0]) < level(sound) - 20
    away = np.abs(np.arange(len(mixed)) - 2 * RATE) > 0.2 * RATE
    np.testing.assert_allclose(mixed[away], sound[0, away], atol=1e-5)
    steps, own = np.abs(np.diff(mixed)).max(), np.abs(np.diff(sound[0])).max()
    assert steps < 1.5 * own


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_lead_in_the_side_channel_survives_the_downmix(sign: float) -> None:
    band, lead = music(4.0, transpose=-12), signals.sine(1046.5, 4.0, amplitude=0.2)
    mixed = mono(np.concatenate([band + sign * lead, band - sign * lead]))
    inner = slice(RATE // 2, -RATE // 2)
    time = np.arange(len(mixed)) / RATE
    wave = np.exp(2j * np.pi * 1046.5 * time)
    output = 2 * abs(np.vdot(wave[inner], mixed[inner])) / len(time[inner])
    assert output == pytest.approx(0.2, rel=0.1)
    # The band is what it was.
    rest = mixed - sign * lead[0]
    assert level((rest - band[0])[inner]) < level(band) - 20


@pytest.mark.parametrize("other", np.linspace(-2.0, 2.0, 17).round(2).tolist())
def test_no_phase_makes_it_softer_than_the_mean(other: float) -> None:
    """With one channel `other` times the other, never less than the mean's level is left."""
    sound = signals.voice()
    audio = np.concatenate([sound, np.float32(other) * sound])
    mean = level(audio.mean(axis=0))
    assert level(mono(audio)) >= mean - 0.2
    if other <= -0.9:
        assert level(mono(audio)) >= level(sound) - 1
