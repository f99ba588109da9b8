"""Loudness against the signals that EBU Tech 3341 prescribes for meters."""

import numpy as np
import pytest

from kit.arrays import AudioBlock
from kit.signal.loudness import LoudnessMeter, k_weighting
from tests.support import signals


def tone(level: float, seconds: float, rate: int = 48_000) -> AudioBlock:
    amplitude = 10 ** (level / 20)
    return signals.sine(1000.0, seconds, sample_rate=rate, amplitude=amplitude, channels=2)


def loudness(audio: AudioBlock, rate: int = 48_000, block: int = 65_536) -> float | None:
    meter = LoudnessMeter(rate, len(audio))
    for start in range(0, audio.shape[1], block):
        meter.add(audio[:, start : start + block])
    return meter.integrated()


EBU = {
    "case 1": ((-23.0, 20.0),),
    "case 3": ((-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)),
    "case 4": ((-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)),
    "case 5": ((-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)),
}


@pytest.mark.parametrize("case", EBU)
def test_ebu_cases_read_minus_23(case: str) -> None:
    audio = np.concatenate([tone(level, seconds) for level, seconds in EBU[case]], axis=1)
    assert loudness(audio) == pytest.approx(-23.0, abs=0.1)


def test_ebu_case_2_reads_minus_33() -> None:
    assert loudness(tone(-33.0, 20.0)) == pytest.approx(-33.0, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 22_255, 44_100, 96_000, 192_000, 384_000])
def test_loudness_is_the_same_at_every_rate(rate: int) -> None:
    assert loudness(tone(-23.0, 3.0, rate), rate) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("block", [1_000, 44_099, 1 << 20])
def test_loudness_does_not_depend_on_blocks(block: int) -> None:
    audio = signals.noise(7.3, channels=2, seed=9)
    whole = loudness(audio, 44_100, 1 << 22)
    assert loudness(audio, 44_100, block) == pytest.approx(whole, abs=1e-6)


def test_mono_counts_as_one_loudspeaker() -> None:
    stereo = tone(-20.0, 5.0)
    both, mono = loudness(stereo), loudness(stereo[:1])
    assert both is not None
    assert mono == pytest.approx(both - 3.01, abs=0.01)


def test_silence_and_snippets_have_no_loudness() -> None:
    assert loudness(signals.silence(5.0, 48_000)) is None
    assert loudness(tone(-10.0, 0.39)) is None
    assert loudness(tone(-10.0, 0.41)) is not None


def test_the_filters_are_those_of_the_standard() -> None:
    shelf, highpass = k_weighting(48_000)
    table_1 = (1.53512485958697, -2.69169618940638, 1.19839281085285)
    assert shelf == pytest.approx((*table_1, -1.69065929318241, 0.73248077421585), abs=1e-9)
    assert highpass == pytest.approx((1, -2, 1, -1.99004745483398, 0.99007225036621), abs=1e-9)


def momentary(audio: AudioBlock, rate: int = 48_000, block: int = 65_536) -> float | None:
    meter = LoudnessMeter(rate, len(audio))
    for start in range(0, audio.shape[1], block):
        meter.add(audio[:, start : start + block])
    return meter.maximum_momentary()


def test_the_loudest_moment_of_a_steady_tone_is_its_integrated_loudness() -> None:
    quiet_then_loud = np.concatenate([tone(-40.0, 3.0), tone(-23.0, 0.5)], axis=1)
    assert momentary(quiet_then_loud) == pytest.approx(-23.0, abs=0.1)
    assert momentary(quiet_then_loud, block=1_000) == pytest.approx(-23.0, abs=0.1)


def test_a_short_sound_counts_as_followed_by_silence() -> None:
    whole, quarter = momentary(tone(-20.0, 0.4)), momentary(tone(-20.0, 0.1))
    assert whole is not None
    assert quarter == pytest.approx(whole - 6.02, abs=0.2)
    assert momentary(tone(-20.0, 0.001)) is not None
    assert momentary(signals.silence(1.0, 48_000)) is None
