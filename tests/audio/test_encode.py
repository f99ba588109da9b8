"""Files are what their form says: exact where it is lossless, close where it is not."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kit.audio.decode import read
from kit.audio.encode import AudioForm, Encoder, nearest_rate, quantise
from kit.audio.probe import probe
from tests.support import signals


@pytest.mark.parametrize(
    "form", [AudioForm.FLAC_16, AudioForm.FLAC_24, AudioForm.WAV_16, AudioForm.WAV_24]
)
def test_integers_survive(tmp_path: Path, form: AudioForm) -> None:
    bits = form.bits
    assert bits is not None
    whole = np.random.default_rng(1).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (2, 50_000))
    audio = (whole / 2 ** (bits - 1)).astype(np.float32)
    path = tmp_path / f"a{form.suffix}"
    with Encoder(path, 44_100, channels=2, form=form) as encoder:
        encoder.write(audio[:, :777])
        encoder.write(audio[:, 777:])
        assert encoder.samples == 50_000
    np.testing.assert_array_equal(read(path), audio)
    stored, _ = soundfile.read(path, dtype="int32", always_2d=True)
    np.testing.assert_array_equal(stored.T >> (32 - bits), whole)


def test_floats_beyond_full_scale_survive_float_and_clip_in_integers(tmp_path: Path) -> None:
    audio = np.array([[1.5, -1.5, 0.25, 1.0, -1.0]], np.float32)
    with Encoder(tmp_path / "a.wav", 48_000, channels=1, form=AudioForm.WAV_FLOAT) as encoder:
        encoder.write(audio)
    np.testing.assert_array_equal(read(tmp_path / "a.wav"), audio)
    assert quantise(audio, 16).tolist() == [
        [32_767 << 16, -(1 << 31), 8192 << 16, 32_767 << 16, -(1 << 31)]
    ]


@pytest.mark.parametrize(("form", "slack"), [(AudioForm.OGG, 0), (AudioForm.MP3, 4000)])
def test_lossy_forms_sound_alike(tmp_path: Path, form: AudioForm, slack: int) -> None:
    audio = np.repeat(signals.chords([(48, 55, 64), (53, 57, 60)], 1.0), 2, axis=0)
    path = tmp_path / f"a{form.suffix}"
    with Encoder(path, 44_100, channels=2, form=form) as encoder:
        encoder.write(audio)
    output = read(path)
    assert 0 <= output.shape[1] - audio.shape[1] <= slack
    both = np.fft.rfft(output[0, :80_000]), np.fft.rfft(audio[0, :80_000])
    ours, theirs = (np.abs(spectrum)[:20_000] for spectrum in both)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


def test_a_long_ogg_write_is_cut_up(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    with Encoder(path, 44_100, channels=1, form=AudioForm.OGG) as encoder:
        encoder.write(signals.noise(60.0))
    assert probe(path).samples == 60 * 44_100


@pytest.mark.parametrize("rate", [8_000, 22_255, 65_535, 65_540, 96_000, 192_000, 352_800, 384_000])
def test_flac_holds_the_nearest_rate(tmp_path: Path, rate: int) -> None:
    assert nearest_rate(AudioForm.FLAC_24, rate) == rate
    with Encoder(tmp_path / "a.flac", rate, channels=1) as encoder:
        encoder.write(signals.noise(0.1))
    assert probe(tmp_path / "a.flac").sample_rate == rate


@pytest.mark.parametrize(
    ("form", "rate", "nearest"),
    [
        (AudioForm.FLAC_24, 96_001, 96_000),
        (AudioForm.FLAC_24, 65_537, 65_540),
        (AudioForm.FLAC_24, 700_000, 655_350),
        (AudioForm.MP3, 96_000, 48_000),
        (AudioForm.MP3, 44_056, 44_100),
        (AudioForm.OGG, 384_000, 200_000),
        (AudioForm.WAV_24, 96_001, 96_001),
    ],
)
def test_rates_a_form_cannot_hold(tmp_path: Path, form: AudioForm, rate: int, nearest: int) -> None:
    assert nearest_rate(form, rate) == nearest
    if nearest != rate:
        with pytest.raises(ValueError, match=f"resample to {nearest} Hz"):
            Encoder(tmp_path / "a", rate, channels=1, form=form)
    with Encoder(tmp_path / f"b{form.suffix}", nearest, channels=1, form=form) as encoder:
        encoder.write(signals.noise(0.1))


def test_wrong_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="takes 1 to 2 channels, not 6"):
        Encoder(tmp_path / "a.mp3", 44_100, channels=6, form=AudioForm.MP3)
    with (
        pytest.raises(ValueError, match="the file has 2 channels"),
        Encoder(tmp_path / "a.flac", 44_100, channels=2) as encoder,
    ):
        encoder.write(signals.noise(0.1))
    assert not (tmp_path / "a.flac").exists()


def test_suffixes_and_media_types() -> None:
    assert [(form.suffix, form.media_type) for form in AudioForm] == [
        (".flac", "audio/flac"),
        (".flac", "audio/flac"),
        (".wav", "audio/wav"),
        (".wav", "audio/wav"),
        (".wav", "audio/wav"),
        (".ogg", "audio/ogg"),
        (".mp3", "audio/mpeg"),
    ]
