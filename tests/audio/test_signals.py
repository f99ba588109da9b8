"""The synthetic signals are what they say."""

import numpy as np
import pytest

from tests.support import signals


def test_sine_has_its_frequency_and_level() -> None:
    tone = signals.sine(1000.0, 1.0, sample_rate=48_000, amplitude=0.5, channels=2)
    assert tone.shape == (2, 48_000)
    spectrum = np.abs(np.fft.rfft(tone[0]))
    assert int(spectrum.argmax()) == 1000
    assert float(np.sqrt(np.mean(tone**2))) == pytest.approx(0.5 / np.sqrt(2), rel=1e-4)


def test_clicks_start_when_they_say() -> None:
    audio, times = signals.clicks(150.0, 4.0, sample_rate=48_000, first=0.1)
    assert times == pytest.approx([0.1 + 0.4 * index for index in range(10)])
    for at in times:
        start = round(at * 48_000)
        assert abs(audio[0, start]) > 0.8
        assert np.abs(audio[0, max(0, start - 100) : start]).max() < 0.05


def test_a_drum_loop_lasts_its_bars_and_is_seeded() -> None:
    loop = signals.drum_loop(120.0, 2, seed=5)
    assert loop.audio.shape == (1, 4 * 44_100)
    assert loop.kicks == (0.0, 1.0, 2.0, 3.0)
    assert loop.snares == (0.5, 1.5, 2.5, 3.5)
    assert len(loop.hats) == 16
    assert np.abs(loop.audio).max() <= 0.9 + 1e-6
    np.testing.assert_array_equal(loop.audio, signals.drum_loop(120.0, 2, seed=5).audio)


def test_chords_hold_their_notes() -> None:
    audio = signals.chords([(60, 64, 67), (57, 60, 64)], 1.0)
    for index, notes in enumerate([(60, 64, 67), (57, 60, 64)]):
        part = audio[0, index * 44_100 : (index + 1) * 44_100] * np.hanning(44_100)
        spectrum = np.abs(np.fft.rfft(part))
        for note in notes:
            centre = round(signals.note_frequency(note))
            assert spectrum[centre - 3 : centre + 4].max() > 0.2 * spectrum.max()


def test_a_vowel_has_its_formants() -> None:
    audio = signals.voice("i", seconds_each=1.0, note=40)
    spectrum = np.abs(np.fft.rfft(audio[0]))
    for formant in signals.VOWELS["i"]:
        near = spectrum[round(formant) - 80 : round(formant) + 80].max()
        away = spectrum[1200:1400].max()
        assert near > 2 * away


def test_a_mix_is_the_sum_within_full_scale() -> None:
    low, high = signals.sine(100.0, 1.0), signals.sine(900.0, 0.5)
    total = signals.mix(low, high)
    assert total.shape == low.shape
    np.testing.assert_allclose(
        total[0, 30_000:], low[0, 30_000:] * (total[0, 30_000] / low[0, 30_000]), atol=1e-4
    )
    assert np.abs(total).max() <= 0.99 + 1e-6
