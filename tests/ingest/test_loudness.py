"""Loudness and true peak against the signals that EBU Tech 3341 prescribes for meters."""

import numpy as np
import pytest

from kit.arrays import AudioBlock
from services.ingest.loudness import IntegratedLoudness, TruePeak, k_weighting
from tests.support import signals


def tone(level: float, seconds: float, rate: int = 48_000) -> AudioBlock:
    amplitude = 10 ** (level / 20)
    return signals.sine(1000.0, seconds, sample_rate=rate, amplitude=amplitude, channels=2)


def loudness(audio: AudioBlock, rate: int = 48_000, block: int = 65_536) -> float | None:
    meter = IntegratedLoudness(rate, len(audio))
    for start in range(0, audio.shape[1], block):
        meter.add(audio[:, start : start + block])
    return meter.integrated()


def true_peak(audio: AudioBlock, rate: int = 48_000, block: int = 4_096) -> float:
    meter = TruePeak(rate, len(audio))
    for start in range(0, audio.shape[1], block):
        meter.add(audio[:, start : start + block])
    return float(20 * np.log10(meter.peak()))


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


def faded(divisor: int, degrees: float, amplitude: float, rate: int = 48_000) -> AudioBlock:
    audio = signals.sine(
        rate / divisor,
        1.0,
        sample_rate=rate,
        amplitude=amplitude,
        phase=np.deg2rad(degrees),
        channels=2,
    )
    edge = np.minimum(1, np.arange(audio.shape[1]) / 2000)
    return (audio * edge * edge[::-1]).astype(np.float32)


@pytest.mark.parametrize(
    ("divisor", "degrees", "amplitude", "expected"),
    [
        (4, 0.0, 0.5, -6.0),  # Cases 15 to 19.
        (4, 45.0, 0.5, -6.0),
        (6, 60.0, 0.5, -6.0),
        (8, 67.5, 0.5, -6.0),
        (4, 45.0, 1.41, 3.0),
    ],
)
def test_ebu_true_peaks(divisor: int, degrees: float, amplitude: float, expected: float) -> None:
    audio = faded(divisor, degrees, amplitude)
    for block in (100, 4_096, 1 << 20):
        assert expected - 0.4 <= true_peak(audio, block=block) <= expected + 0.2


def test_a_true_peak_lies_between_samples() -> None:
    audio = faded(4, 45.0, 1.0)
    assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-3.01, abs=0.01)
    assert true_peak(audio) == pytest.approx(0.0, abs=0.1)


def test_true_peak_is_never_below_the_samples() -> None:
    audio = signals.noise(1.0, amplitude=0.9, seed=2)
    assert true_peak(audio, 44_100) >= 20 * np.log10(np.abs(audio).max())


def test_a_peak_on_the_edge_of_a_block_is_seen() -> None:
    audio = faded(4, 45.0, 1.0)
    assert true_peak(audio, block=13) == pytest.approx(true_peak(audio, block=1 << 20), abs=1e-6)
