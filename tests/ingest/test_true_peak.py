"""True peak against the signals that EBU Tech 3341 prescribes for meters."""

import numpy as np
import pytest

from kit.arrays import AudioBlock
from services.ingest.true_peak import TruePeak
from tests.support import signals


def true_peak(audio: AudioBlock, rate: int = 48_000, block: int = 4_096) -> float:
    meter = TruePeak(rate, len(audio))
    for start in range(0, audio.shape[1], block):
        meter.add(audio[:, start : start + block])
    return float(20 * np.log10(meter.peak()))


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
