import numpy as np
import pytest

from kit.arrays import F32
from kit.signal.onsets import detect_onsets, loudness, onset_strength
from tests.support import signals


def onset_times(audio: F32, rate: int = 44_100) -> list[float]:
    strength = onset_strength([audio], rate, level=loudness([audio]))
    frames, _ = detect_onsets(strength.total, strength.rate)
    return [float(frame) / strength.rate for frame in frames]


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 96_000])
def test_every_click_is_found_within_ten_milliseconds(rate: int) -> None:
    audio, times = signals.clicks(100.0, 5.0, sample_rate=rate, first=0.25)
    assert onset_times(audio, rate) == pytest.approx(list(times), abs=0.010)


def test_every_hit_of_a_drum_loop_is_found_and_nothing_else() -> None:
    loop = signals.drum_loop(110.0, 4)
    assert onset_times(loop.audio) == pytest.approx(sorted(loop.hats), abs=0.015)


@pytest.mark.parametrize("gain", [0.001, 0.05, 1.0])
def test_the_level_of_the_recording_does_not_matter(gain: float) -> None:
    loop = signals.drum_loop(95.0, 2)
    quiet = (loop.audio * np.float32(gain)).astype(np.float32)
    assert onset_times(quiet) == pytest.approx(onset_times(loop.audio), abs=0.006)


def test_a_vibrato_is_no_onset() -> None:
    line = signals.voice("a", seconds_each=3.0)
    assert [time for time in onset_times(line) if 0.2 < time < 2.8] == []


def test_steady_noise_has_few_onsets() -> None:
    clicks, times = signals.clicks(60.0, 5.0, first=0.5)
    audio = clicks + signals.noise(5.0, amplitude=0.003)
    onsets = [time for time in onset_times(audio) if time > 0.1]
    assert len(onsets) == len(times)


def test_silent_and_empty_audio_have_no_onsets() -> None:
    assert loudness([signals.silence(1.0)]) == 0.0
    assert loudness([]) == 0.0
    assert loudness([signals.noise(0.01)]) > 0.05
    assert onset_strength([], 44_100, level=1.0).values.shape[0] == 0
    frames, strengths = detect_onsets(np.zeros(500), 200.0)
    assert frames.size == strengths.size == 0


def test_the_main_hits_are_about_one_strong() -> None:
    audio, _ = signals.clicks(120.0, 4.0, first=0.2)
    strength = onset_strength([audio], 44_100, level=loudness([audio]))
    _, strengths = detect_onsets(strength.total, strength.rate)
    assert strengths == pytest.approx(np.ones_like(strengths), abs=0.3)
