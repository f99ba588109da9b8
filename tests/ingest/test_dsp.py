"""Silence, clipping, offset, downmix and repair: right at every border of blocks."""

import numpy as np
import pytest

from kit.arrays import AudioBlock
from services.ingest.dsp import Clipping, OffsetMeter, SilenceMap, downmix_matrix, repair
from tests.support import signals

BLOCKS = [1, 7, 1_000, 44_100, 1 << 20]


def cut(audio: AudioBlock, block: int) -> list[AudioBlock]:
    return [audio[:, start : start + block] for start in range(0, audio.shape[1], block)]


@pytest.mark.parametrize("block", [100, 1_000, 44_100, 1 << 20])
def test_silence_is_found_to_the_sample(block: int) -> None:
    audio = np.full((2, 30_000), 0.5, np.float32)
    audio[:, :2_500] = 0  # Silence at the start,
    audio[:, 10_000:12_000] = 0.0009  # 200 ms of almost nothing,
    audio[:, 15_000:16_999] = 0  # one sample too short,
    audio[0, 20_000:25_000] = 0  # one channel alone,
    audio[:, 27_000:] = 0  # and the end.
    silence = SilenceMap(10_000)
    for part in cut(audio, block):
        silence.add(part)
    assert silence.spans() == ((0, 2_500), (10_000, 12_000), (27_000, 30_000))


def test_silence_is_one_span_and_empty_audio_has_none() -> None:
    silence = SilenceMap(8_000)
    assert silence.spans() == ()
    silence.add(np.zeros((1, 8_000), np.float32))
    assert silence.spans() == ((0, 8_000),)


@pytest.mark.parametrize("block", BLOCKS)
def test_runs_at_full_scale_are_counted_once(block: int) -> None:
    audio = np.full((2, 2_000), 0.5, np.float32)
    audio[0, 0:3] = 1.0
    audio[0, 100:102] = 1.0  # Two are no run.
    audio[0, 995:1_005] = -1.0
    audio[1, 1_997:] = 32767 / 32768
    clipping = Clipping()
    for part in cut(audio, block):
        clipping.add(part)
    assert clipping.samples == 3 + 10 + 3


def test_offset_is_the_mean() -> None:
    offset = OffsetMeter()
    assert offset.means() == ()
    audio = signals.sine(100.0, 1.0, channels=2) + np.array([[0.1], [-0.2]], np.float32)
    for part in cut(audio, 999):
        offset.add(part)
    assert offset.means() == pytest.approx((0.1, -0.2), abs=1e-5)


def test_five_one_is_summed_as_the_standard_says() -> None:
    matrix = downmix_matrix(6, 0x3F)
    np.testing.assert_allclose(
        matrix, [[1, 0, 0.7071, 0, 0.7071, 0], [0, 1, 0.7071, 0, 0, 0.7071]], atol=1e-4
    )


@pytest.mark.parametrize("channels", range(1, 9))
def test_unknown_places_are_left_and_right_in_turn(channels: int) -> None:
    matrix = downmix_matrix(channels, 0)
    assert matrix.shape == (min(2, channels), channels)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)
    if channels > 2:
        assert not matrix[0, 1::2].any()
        assert not matrix[1, 0::2].any()


def test_places_without_a_rule_are_not_guessed() -> None:
    np.testing.assert_array_equal(downmix_matrix(3, 0b111 << 12), downmix_matrix(3, 0))


def test_what_is_no_number_becomes_silence() -> None:
    block = np.array([[0.5, np.nan, np.inf, -np.inf, 1e30, -0.5, 999.0]], np.float32)
    repaired, count = repair(block)
    assert count == 4
    np.testing.assert_array_equal(repaired, np.array([[0.5, 0, 0, 0, 0, -0.5, 999]], np.float32))
    assert repair(repaired)[0] is repaired
