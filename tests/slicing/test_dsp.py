from collections.abc import Iterator

import numpy as np
import pytest

from kit.arrays import F32
from services.slicing.dsp import SlidingBuffer, attack, crossing, envelope, faded, seamless, tail
from tests.support import signals

RATE = 44_100


def blocks(audio: F32, size: int = 1000) -> Iterator[F32]:
    for at in range(0, audio.shape[1], size):
        yield audio[:, at : at + size]


def test_a_sliding_buffer_returns_the_range_and_holds_little() -> None:
    audio = signals.noise(2.0, channels=2)
    buffer = SlidingBuffer(blocks(audio))
    for start in range(0, audio.shape[1] - 3000, 2500):
        buffer.forget(start)
        np.testing.assert_array_equal(
            buffer.take(start, start + 3000), audio[:, start : start + 3000]
        )
        assert buffer.held <= 5000


def test_a_sliding_buffer_skips_what_was_forgotten_before_it_was_read() -> None:
    audio = signals.noise(3.0)
    buffer = SlidingBuffer(blocks(audio))
    buffer.forget(100_500)
    np.testing.assert_array_equal(buffer.take(101_000, 101_200), audio[:, 101_000:101_200])
    assert buffer.held <= 1500
    with pytest.raises(ValueError, match="is gone"):
        buffer.take(99_000, 101_000)


def test_a_sliding_buffer_ends_with_the_audio() -> None:
    buffer = SlidingBuffer(blocks(signals.noise(0.1)))
    assert buffer.take(4000, 9000).shape == (1, 410)
    assert SlidingBuffer(iter([])).take(0, 10).shape == (1, 0)


def hit(at: int, length: int = 22_050, decay: float = 20.0) -> F32:
    audio = np.zeros((1, at + length), np.float32)
    time = np.arange(length) / RATE
    audio[0, at:] = 0.8 * np.sin(2 * np.pi * 180 * time) * np.exp(-time * decay)
    return audio


@pytest.mark.parametrize("off_by", [-400, 0, 400])
def test_an_attack_is_found_within_two_milliseconds_and_never_late(off_by: int) -> None:
    audio = hit(5000)
    start = attack(audio, 5000 + off_by, sample_rate=RATE)
    assert 5000 - 0.002 * RATE <= start <= 5000


def test_an_attack_on_a_loud_tail_is_found() -> None:
    audio = hit(1000, 30_000, decay=4.0)
    click = signals.noise(0.02, amplitude=0.2)
    audio[:, 12_000 : 12_000 + click.shape[1]] += click
    start = attack(audio, 12_050, sample_rate=RATE)
    assert 12_000 - 0.003 * RATE <= start <= 12_000


def test_an_attack_at_the_very_beginning_is_not_lost() -> None:
    assert attack(hit(0), 0, sample_rate=RATE, opening=True) == 0


def test_a_cut_lies_on_a_zero_crossing() -> None:
    audio = signals.sine(300.0, 0.2, amplitude=0.9)
    at = crossing(audio, 5000, earliest=0, sample_rate=RATE)
    assert 5000 - 0.004 * RATE <= at <= 5000
    assert abs(float(audio[0, at])) < 0.025


def test_where_nothing_crosses_zero_the_smallest_sample_is_taken() -> None:
    audio = (signals.sine(20.0, 0.1, amplitude=0.1) + np.float32(0.5)).astype(np.float32)
    at = crossing(audio, 2000, earliest=1950, sample_rate=RATE)
    assert 1950 <= at <= 2000


def test_a_tail_ends_where_it_has_died_away() -> None:
    audio = hit(0, 3 * RATE, decay=10.0)
    died = tail(audio, sample_rate=RATE, tail_db=-40.0, quietest=1e-6)
    # An amplitude of exp(-10 t) is 40 dB down at 0.4605 s.
    assert died.decayed
    assert died.end / RATE == pytest.approx(0.46, abs=0.03)


def test_a_sustained_tone_does_not_end() -> None:
    audio = signals.sine(220.0, 1.0)
    assert tail(audio, sample_rate=RATE, tail_db=-40.0, quietest=1e-6).end == audio.shape[1]


def test_a_tail_ends_in_a_background() -> None:
    audio = hit(0, 2 * RATE, decay=20.0) + signals.noise(2.0, amplitude=0.02)
    died = tail(audio, sample_rate=RATE, tail_db=-60.0, quietest=1e-6)
    assert died.decayed
    assert 0.1 < died.end / RATE < 0.4


def test_fades_reach_zero_at_the_edges_and_nothing_else_changes() -> None:
    audio = np.ones((2, 1000), np.float32)
    result = faded(audio, fade_in=100, fade_out=200, gain=0.5)
    assert result[0, 0] == 0.0
    assert result[1, -1] < 1e-3
    np.testing.assert_array_equal(result[:, 100:800], 0.5)
    assert audio.min() == 1.0


def test_a_loop_ends_in_what_precedes_it() -> None:
    before = np.full((2, 100), -0.5, np.float32)
    result = seamless(np.ones((2, 1000), np.float32), before)
    np.testing.assert_array_equal(result[:, :900], 1.0)
    assert result[0, 900] == 1.0
    np.testing.assert_allclose(result[:, -1], -0.5, atol=1e-3)
    assert np.all(np.diff(result[0, 900:]) <= 0.0)


def test_the_envelope_of_a_constant() -> None:
    np.testing.assert_allclose(envelope(np.full((2, 1005), 0.3, np.float32), 10), 0.3, rtol=1e-6)
    assert envelope(np.zeros((1, 5), np.float32), 10).size == 0
