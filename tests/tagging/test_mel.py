from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from kit.arrays import F32
from kit.signal.spectra import Framing
from services.tagging.mel import BANDS, HOP, PATCH, RATE, SIZE, log_mel, patches, slaney_bank
from tests.support import signals


def spectrum(audio: F32) -> F32:
    return np.concatenate(list(log_mel(iter([audio]))))


def test_filters_are_those_of_slaney() -> None:
    """Linear below 1 kHz, logarithmic above, each of area 1 in Hz."""
    framing = Framing(RATE, 1 << 14, HOP)
    bank = slaney_bank(framing, bands=BANDS)
    width = RATE / framing.size
    np.testing.assert_allclose(bank.sum(axis=1) * width, 1.0, rtol=0.02)
    centres = bank.argmax(axis=1) * width
    # 0 to 8 kHz are 0 to 45.245 mels: 1 kHz is the fifteenth.
    step = 45.245 / (BANDS + 1)
    low = [index for index in range(BANDS) if (index + 1) * step < 15]
    for index in low:
        assert centres[index] == pytest.approx((index + 1) * step * 200 / 3, abs=2 * width)
    ratios = [after / before for before, after in pairwise(centres[len(low) + 1 :])]
    assert max(ratios) - min(ratios) < 0.01
    assert np.mean(ratios) == pytest.approx(6.4 ** (step / 27), abs=1e-3)


@pytest.mark.parametrize("frequency", [220.0, 1000.0, 5000.0])
def test_a_sine_shows_in_its_band(frequency: float) -> None:
    bank = slaney_bank(Framing(RATE, SIZE, HOP), bands=BANDS)
    expected = int(bank[:, round(frequency / RATE * SIZE)].argmax())
    result = spectrum(signals.sine(frequency, 1.0, sample_rate=RATE, amplitude=0.5))
    assert abs(int(result[20].argmax()) - expected) <= 1


def test_loud_audio_stays_finite_where_half_precision_overflows() -> None:
    """At full scale 10000 times the power exceeds 65504, the greatest number of float16."""
    result = spectrum(signals.sine(440.0, 1.0, sample_rate=RATE, amplitude=1.0))
    assert result.max() > np.log10(np.finfo(np.float16).max)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()


def test_silence_is_zero() -> None:
    assert not spectrum(signals.silence(0.5, RATE)).any()


def test_blocks_make_no_difference() -> None:
    audio = signals.noise(2.0, sample_rate=RATE)
    whole = spectrum(audio)
    parts = (audio[:, at : at + 777] for at in range(0, audio.shape[1], 777))
    np.testing.assert_allclose(np.concatenate(list(log_mel(parts))), whole, atol=1e-6)


def ramp(frames: int, step: int) -> Iterator[F32]:
    numbered = np.repeat(np.arange(frames, dtype=np.float32)[:, None], BANDS, axis=1)
    for at in range(0, frames, step):
        yield numbered[at : at + step]


@pytest.mark.parametrize("step", [1, 50, PATCH, 1000])
def test_patches_follow_each_other_and_the_rest_is_dropped(step: int) -> None:
    result = list(patches(ramp(2 * PATCH + 100, step)))
    assert [entry[0, 0] for entry in result] == [0, PATCH]
    assert [entry[-1, 0] for entry in result] == [PATCH - 1, 2 * PATCH - 1]


def test_what_is_shorter_than_a_patch_is_repeated() -> None:
    (result,) = patches(ramp(50, 20))
    np.testing.assert_array_equal(result[:, 0], np.arange(PATCH) % 50)
    assert list(patches(iter([]))) == []
