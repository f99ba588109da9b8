"""The preset `mixdown`: the sum of the stems unless something else is asked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kit.arrays import F32
from kit.audio.decode import read
from kit.worker.intake import Silent
from kit.worker.outcomes import Rejected
from tests.export.jobs import RATE, Bundle, collection_files, export, song_files, tone

NAME = "120_mix_Song.wav"


def mixdown(tmp_path: Path, **options: Any) -> tuple[F32, Bundle]:
    bundle = export(
        song_files(tmp_path / "in", 2.0).job(tmp_path / "out"), "mixdown", mixdown=options
    )
    return bundle.audio(NAME)[0], bundle


def stems(tmp_path: Path) -> dict[str, F32]:
    files = song_files(tmp_path / "stems", 2.0)
    return {file.name: read(file.path) for file in files.inputs[1:5]}


def test_without_options_it_is_the_sum_of_the_stems(tmp_path: Path) -> None:
    mix, bundle = mixdown(tmp_path)
    total = np.sum([s.astype(np.float64) for s in stems(tmp_path).values()], axis=0)
    # Half a step of 24 bits, and the rounding of single precision.
    assert np.abs(mix - total).max() <= 2.0**-24 + 2.0**-22
    assert bundle.result.remarks == ()
    assert len(bundle.manifest["files"][0]["sources"]) == 4


def test_stems_can_be_left_out(tmp_path: Path) -> None:
    mix, _ = mixdown(tmp_path, without=["vocals", "other"])
    parts = stems(tmp_path)
    expected = parts["drums.flac"] + parts["bass.flac"]
    assert np.abs(mix - expected).max() < 1e-6


def test_levels_follow_loudness(tmp_path: Path) -> None:
    waves = {
        "Loud": (tone(2.0, 1000.0, level=0.5), RATE),
        "Soft": (tone(2.0, 1000.0, level=0.125), RATE),
    }
    job = collection_files(tmp_path, waves)
    bundle = export(job, "mixdown", mixdown={"match_loudness": True})
    mix, _ = bundle.audio("mix_Crate.wav")
    # Both meet at their geometric mean.
    assert np.abs(mix[0]).max() == pytest.approx(2 * 0.25, rel=0.01)
    assert "-6.0 dB" in bundle.result.remarks[0]
    assert "+6.0 dB" in bundle.result.remarks[0]


def test_spread_pans_what_is_not_in_the_middle(tmp_path: Path) -> None:
    waves = {"A": (tone(0.5, 100.0), RATE), "B": (tone(0.5, 3000.0), RATE)}
    bundle = export(collection_files(tmp_path, waves), "mixdown", mixdown={"spread": 1.0})
    mix, _ = bundle.audio("mix_Crate.wav")
    left, right = (np.abs(np.fft.rfft(channel)) for channel in mix)
    assert left[50] > 1000 * left[1500]
    assert right[1500] > 1000 * right[50]


def test_fades_reach_silence(tmp_path: Path) -> None:
    mix, _ = mixdown(tmp_path, fade_in=0.5, fade_out=0.5)
    plain, _ = mixdown(tmp_path / "plain")
    assert not mix[:, 0].any()
    assert not mix[:, -1].any()
    middle = slice(RATE // 2, 3 * RATE // 2)
    np.testing.assert_array_equal(mix[:, middle], plain[:, middle])
    half = RATE // 4
    np.testing.assert_allclose(mix[:, half], plain[:, half] / 2, atol=1e-6)


def test_a_count_in_comes_before_the_song_on_its_beats(tmp_path: Path) -> None:
    mix, _ = mixdown(tmp_path, count_in_bars=1)
    plain, _ = mixdown(tmp_path / "plain")
    assert mix.shape[1] == plain.shape[1] + 2 * RATE
    np.testing.assert_array_equal(mix[:, 2 * RATE :], plain)
    loud = np.flatnonzero(np.abs(mix[0, : 2 * RATE]) > 1e-4)
    starts = loud[np.diff(loud, prepend=-RATE) > 1000]
    np.testing.assert_allclose(starts, np.arange(4) * RATE // 2, atol=20)


def test_a_click_plays_through_the_song(tmp_path: Path) -> None:
    mix, _ = mixdown(tmp_path, click=True, without=["vocals", "other", "bass"])
    plain, _ = mixdown(tmp_path / "plain", without=["vocals", "other", "bass"])
    clicks = np.flatnonzero(np.abs(mix[0] - plain[0]) > 1e-4)
    starts = clicks[np.diff(clicks, prepend=-RATE) > 1000]
    np.testing.assert_allclose(starts, np.arange(4) * RATE // 2, atol=20)


def test_a_mix_is_scaled_to_a_peak(tmp_path: Path) -> None:
    mix, bundle = mixdown(tmp_path, peak_dbfs=-1.0)
    assert np.abs(mix).max() == pytest.approx(10 ** (-1 / 20), rel=1e-5)
    assert "peak of -1 dBFS" in bundle.result.remarks[0]


def test_clipping_is_reported(tmp_path: Path) -> None:
    waves = {name: (tone(0.1, 100.0, level=0.9), RATE) for name in "ab"}
    bundle = export(collection_files(tmp_path, waves), "mixdown")
    assert bundle.result.clipped > 100
    assert "peak_dbfs" in bundle.result.remarks[-1]


def test_nothing_to_mix_is_an_outcome(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="leaves no track"):
        mixdown(tmp_path, without=["drums", "bass", "other", "vocals"])
    silence = {"Nothing": (0 * tone(0.1, 100.0), RATE)}
    with pytest.raises(Silent):
        export(collection_files(tmp_path / "c", silence), "mixdown")
