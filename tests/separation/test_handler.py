"""Jobs: what is stored, that it sums to the input, what is refused and what is skipped."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from contracts.items import ArtifactKind, ItemKind
from contracts.music import Stem
from contracts.separation import (
    Precision,
    Residual,
    SeparationParams,
    StemDepth,
    StemFormat,
    Weights,
)
from kit.arrays import F32, AudioBlock
from kit.audio.decode import read
from kit.audio.encode import AudioForm
from kit.audio.peaks import read_peaks
from kit.audio.waveform import waveform_of
from kit.worker.outcomes import Rejected, Skipped
from services.separation.handler import handle
from tests.separation.fake_separators import SHARES, Honest, ToyEngine, make_job, snr


def music(seconds: float, *, rate: int = 44_100, channels: int = 2) -> AudioBlock:
    time = np.arange(round(seconds * rate)) / rate
    parts = [np.sin(2 * np.pi * f * time + p) for p, f in enumerate((110, 442, 1310, 3000))]
    left = 0.15 * sum(parts) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * time))
    right = np.roll(left, 100) * 0.8
    return np.stack([left, right][:channels]).astype(np.float32)


def stored(folder: Path, name: str) -> AudioBlock:
    return read(folder / "outputs" / name)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
def test_stems_have_the_length_rate_and_channels_of_the_input(
    tmp_path: Path, rate: int, channels: int
) -> None:
    audio = music(2.3, rate=rate, channels=channels)
    job, _ = make_job(tmp_path, audio, rate=rate)
    result = handle(SeparationParams(), job, ToyEngine())
    assert result.samples == audio.shape[1]
    assert result.sample_rate == rate
    for stem in result.stems:
        info = soundfile.info(tmp_path / "outputs" / stem.name)
        assert (info.frames, info.samplerate, info.channels) == (audio.shape[1], rate, channels)
        assert info.subtype == "PCM_24"
    expected = np.float32(SHARES[0]) * audio
    assert snr(expected, stored(tmp_path, "drums.flac")) > (100 if rate == 44_100 else 50)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_stems_sum_to_the_input_exactly(tmp_path: Path, rate: int) -> None:
    audio = music(3.0, rate=rate)
    job, _ = make_job(tmp_path, audio, rate=rate)
    result = handle(SeparationParams(without=(Stem.VOCALS,)), job, ToyEngine())
    whole = read(job.input.path)
    names = [stem.name for stem in result.stems if stem.stem is not Stem.MIX]
    assert names == ["drums.flac", "vocals.flac", "other.flac"]
    total = sum(stored(tmp_path, name).astype(np.float64) for name in names)
    assert np.array_equal(total, whole)
    rest = stored(tmp_path, "without_vocals.flac").astype(np.float64)
    assert np.array_equal(rest + stored(tmp_path, "vocals.flac"), whole)


def test_sixteen_bits_sum_to_within_a_step(tmp_path: Path) -> None:
    audio = music(1.0)
    job, _ = make_job(tmp_path, audio)
    handle(SeparationParams(depth=StemDepth.INT16), job, ToyEngine())
    names = ("drums.flac", "vocals.flac", "other.flac")
    total = sum(stored(tmp_path, name).astype(np.float64) for name in names)
    assert np.abs(total - read(job.input.path)).max() <= 0.5 / 32768 + 1e-9


def test_without_a_residual_every_stem_is_what_the_network_gave(tmp_path: Path) -> None:
    audio = music(1.5)
    job, _ = make_job(tmp_path, audio)
    params = SeparationParams(
        residual=Residual.NONE, format=StemFormat.WAV, depth=StemDepth.FLOAT32
    )
    result = handle(params, job, ToyEngine())
    for share, name in zip(SHARES, ("drums.wav", "vocals.wav", "other.wav"), strict=True):
        assert snr(np.float32(share) * audio, stored(tmp_path, name)) > 100
    assert result.residual_level_db == pytest.approx(20 * np.log10(1 - sum(SHARES)), abs=0.01)


def test_only_the_wanted_stems_are_stored_and_they_become_items(tmp_path: Path) -> None:
    job, _ = make_job(tmp_path, music(1.0))
    result = handle(SeparationParams(stems=(Stem.VOCALS,)), job, ToyEngine())
    assert [stem.name for stem in result.stems] == ["vocals.flac"]
    output, waveform = job.outputs
    assert (waveform.kind, waveform.stem, waveform.item) == (ArtifactKind.PEAKS, Stem.VOCALS, None)
    assert output.item is ItemKind.STEM
    assert output.stem is Stem.VOCALS
    assert output.title == "Song – vocals"
    assert output.waveform == waveform_of(read(output.path))
    assert output.audio is not None
    assert (output.start, output.end) == (0, output.audio.samples)


def test_every_stem_has_its_waveform(tmp_path: Path) -> None:
    job, _ = make_job(tmp_path, music(1.5))
    handle(SeparationParams(without=(Stem.VOCALS,)), job, ToyEngine())
    for name in ("drums", "without_vocals"):
        audio = stored(tmp_path, f"{name}.flac")
        peaks = read_peaks(tmp_path / "outputs" / f"{name}-peaks.dat")
        assert (peaks.sample_rate, peaks.samples_per_pixel, peaks.bits) == (44_100, 256, 8)
        assert peaks.values.shape == (2, -(-audio.shape[1] // 256), 2)
        first = np.floor(audio[:, :256] * 128)
        np.testing.assert_array_equal(peaks.values[:, 0, 0], first.min(axis=1))
        np.testing.assert_array_equal(peaks.values[:, 0, 1], first.max(axis=1))


def test_clipping_is_counted_and_float_keeps_it(tmp_path: Path) -> None:
    audio = np.clip(music(1.0) * 20, -0.999, 0.999)
    job, _ = make_job(tmp_path, audio)
    loud = ToyEngine(separator=_Loud())
    result = handle(SeparationParams(residual=Residual.NONE), job, loud)
    assert result.stems[0].clipped > 0
    assert result.stems[0].peak_dbfs <= 0
    other = tmp_path / "float"
    other.mkdir()
    job, _ = make_job(other, audio)
    params = SeparationParams(
        residual=Residual.NONE, format=StemFormat.WAV, depth=StemDepth.FLOAT32
    )
    result = handle(params, job, loud)
    assert result.stems[0].clipped == 0
    assert result.stems[0].peak_dbfs > 5


class _Loud(Honest):
    def run(self, windows: F32) -> F32:
        return np.stack([2 * windows, windows, windows], axis=1)


def test_previews_together_are_the_finished_stems(tmp_path: Path) -> None:
    job, listener = make_job(tmp_path, music(25.0))
    handle(SeparationParams(depth=StemDepth.INT16), job, ToyEngine())
    for stem in ("drums", "vocals", "other"):
        parts = sorted(path for path in listener.previews if path.name.startswith(stem))
        assert [path.name for path in parts] == [f"{stem}-{n:03d}.flac" for n in range(3)]
        joined = np.concatenate([read(path) for path in parts], axis=1)
        assert np.array_equal(joined, stored(tmp_path, f"{stem}.flac"))
    assert listener.fractions[-1] == 1.0
    assert listener.fractions == sorted(listener.fractions)


def test_previews_can_be_left_out(tmp_path: Path) -> None:
    job, listener = make_job(tmp_path, music(12.0))
    handle(SeparationParams(previews=False), job, ToyEngine())
    assert not listener.previews


def test_silence_is_skipped(tmp_path: Path) -> None:
    job, _ = make_job(tmp_path, np.zeros((2, 44_100), np.float32))
    with pytest.raises(Skipped) as outcome:
        handle(SeparationParams(), job, ToyEngine())
    assert outcome.value.reason == "silent"


@pytest.mark.parametrize("samples", [1, 400])
def test_what_is_too_short_is_skipped(tmp_path: Path, samples: int) -> None:
    job, _ = make_job(tmp_path, np.full((1, samples), 0.5, np.float32))
    with pytest.raises(Skipped) as outcome:
        handle(SeparationParams(), job, ToyEngine())
    assert outcome.value.reason == "too_short"


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_the_shortest_that_is_taken(tmp_path: Path, rate: int) -> None:
    audio = music(0.011, rate=rate)
    job, _ = make_job(tmp_path, audio, rate=rate)
    result = handle(SeparationParams(), job, ToyEngine())
    assert result.samples == audio.shape[1]
    assert [len(stem.seconds) for stem in result.stems] == [1, 1, 1]


def test_a_stem_that_these_weights_do_not_give_is_refused(tmp_path: Path) -> None:
    job, _ = make_job(tmp_path, music(1.0))
    with pytest.raises(Rejected, match="give drums, vocals, other, not piano"):
        handle(SeparationParams(stems=(Stem.PIANO,)), job, ToyEngine())


def test_opposite_channels_do_not_break_the_levels(tmp_path: Path) -> None:
    left = music(1.0, channels=1)
    audio = np.concatenate([left, -left])
    job, _ = make_job(tmp_path, audio)
    handle(SeparationParams(), job, ToyEngine())
    assert snr(np.float32(SHARES[0]) * audio, stored(tmp_path, "drums.flac")) > 90


def test_the_result_says_what_ran_and_how_to_get_better(tmp_path: Path) -> None:
    job, _ = make_job(tmp_path, music(1.0), form=AudioForm.WAV_FLOAT)
    engine = ToyEngine()
    params = SeparationParams(weights=Weights.HTDEMUCS, precision=Precision.FAST)
    result = handle(params, job, engine)
    assert engine.requests == [(Weights.HTDEMUCS, Precision.FAST)]
    assert result.weights == "htdemucs"
    assert result.engine == "toy 1 cpu"
    assert result.precision is Precision.EXACT
    assert "'fast'" in result.precision_note
    assert result.better == "ask for more"
    assert len(result.stems[0].seconds) == 1
    assert result.overlap == 0.25


@pytest.mark.parametrize(
    "wrong",
    [
        {"depth": "float32"},
        {"stems": ["vocals", "vocals"]},
        {"without": ["mix"]},
        {"overlap": 1.0},
        {"shifts": -1},
        {"weights": "umx"},
        {"speed": 3},
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SeparationParams.model_validate(wrong)
