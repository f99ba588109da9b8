import numpy as np
import pytest

from kit.signal.spectra import Framing, frames, log_bands, magnitudes, mel_bands
from tests.support import signals


@pytest.mark.parametrize("block", [1, 100, 4096, 1_000_000])
def test_frames_do_not_depend_on_how_the_stream_is_cut(block: int) -> None:
    audio = signals.noise(0.8, channels=2)[:, :30_000] if block > 1 else signals.noise(0.02)
    framing = Framing(44_100, 1024, 220)
    pieces = [audio[:, at : at + block] for at in range(0, audio.shape[1], block)]
    whole = np.concatenate(list(frames([audio], framing)), axis=1)
    cut = np.concatenate(list(frames(pieces, framing)), axis=1)
    np.testing.assert_array_equal(whole, cut)
    assert whole.shape == (audio.shape[0], audio.shape[1] // 220 + 1, 1024)


def test_a_frame_is_centred_on_its_sample() -> None:
    audio = np.zeros((1, 44_100), np.float32)
    audio[0, 10 * 220] = 1.0
    cut = np.concatenate(list(frames([audio], Framing(44_100, 1024, 220))), axis=1)
    assert cut[0, 10].argmax() == 512


def test_a_full_scale_sine_reads_one() -> None:
    framing = Framing(44_100, 2048, 512)
    frequency = 100 * 44_100 / 2048
    audio = signals.sine(frequency, 0.5, amplitude=1.0, channels=2)
    spectra = np.concatenate(list(magnitudes([audio], framing)))
    middle = spectra[len(spectra) // 2]
    assert middle.argmax() == 100
    assert middle[100] == pytest.approx(1.0, abs=0.01)


def test_out_of_phase_channels_are_not_cancelled() -> None:
    audio = signals.sine(1000.0, 0.2, amplitude=1.0)
    both = np.concatenate([audio, -audio])
    assert max(batch.max() for batch in magnitudes([both], Framing(44_100, 1024, 512))) > 0.9


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 192_000])
def test_filters_sum_to_one_at_any_rate(rate: int) -> None:
    framing = Framing.of_seconds(rate, size=0.0232, hop=0.005)
    for bank in (
        log_bands(framing, low=30.0, high=17_000.0, per_octave=24),
        mel_bands(framing, low=30.0, high=17_000.0, bands=40),
    ):
        np.testing.assert_allclose(bank.sum(axis=1), 1.0, atol=1e-5)
        centres = bank @ np.arange(framing.bins)
        assert (np.diff(centres) >= 0).all()


def test_an_empty_stream_has_no_frames() -> None:
    assert list(frames([], Framing(44_100, 1024, 220))) == []


def test_a_framing_must_make_sense() -> None:
    with pytest.raises(ValueError, match="even size"):
        Framing(44_100, 1023, 220)
    with pytest.raises(ValueError, match="no band"):
        log_bands(Framing(1000, 64, 8), low=600.0, high=700.0, per_octave=12)
