"""Spleeter with its real weights: equal to an independent port, and it separates."""

from pathlib import Path

import numpy as np
import pytest

from contracts.music import Stem
from contracts.separation import Precision, SeparationParams, Weights
from kit.audio.decode import read
from kit.inference.base import EngineName
from kit.inference.opening import open_network
from kit.worker.outcomes import Rejected
from services.separation.dsp import hann, stft
from services.separation.engine import NetworkEngine
from services.separation.handler import handle
from services.separation.spleeter import HOP, SIZE, SpleeterSeparator
from services.separation.streaming import separate_stream
from tests.separation.fake_separators import make_job, si_sdr
from tests.separation.synthetic_vocals import parts, song

GOLDEN = Path(__file__).with_name("golden") / "spleeter.npz"


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_masks_equal_those_of_an_independent_port(
    weights: dict[str, Path], name: EngineName
) -> None:
    """The golden masks are of a port in torch and float64, see benchmarks/separation.py."""
    if name == "openvino":
        pytest.importorskip("openvino")
    window = song(12.0)[:, : 511 * HOP + SIZE]
    magnitude = np.abs(stft(window, hann(SIZE), HOP)[..., :1024])[None]
    network = open_network(weights["spleeter-2stems"], threads=2, engine=name)
    masks = network.run({"magnitude": magnitude})["masks"]
    golden = np.load(GOLDEN)["masks"]
    assert np.abs(masks[:, :, ::37, ::29] - golden).max() < 2e-4
    assert golden.std() > 0.3
    assert np.abs(masks.sum(axis=0) - 1).max() < 1e-5


def test_a_voice_is_found_and_lost(engine: NetworkEngine, tmp_path: Path) -> None:
    voice, band = parts(14.0)
    job, _ = make_job(tmp_path, voice + band)
    result = handle(SeparationParams(), job, engine)
    assert result.weights == "spleeter-2stems"
    assert "kit.weights fetch separation --all" in result.better
    assert [stem.stem for stem in result.stems] == [Stem.VOCALS, Stem.ACCOMPANIMENT]
    vocals = read(tmp_path / "outputs" / "vocals.flac")
    accompaniment = read(tmp_path / "outputs" / "accompaniment.flac")
    assert si_sdr(voice, vocals) > si_sdr(voice, voice + band) + 5
    assert si_sdr(band, accompaniment) > si_sdr(band, voice + band) + 5
    assert result.residual_level_db < -100


def test_a_quiet_recording_is_separated_as_well_as_a_loud_one(
    engine: NetworkEngine, tmp_path: Path
) -> None:
    voice, band = parts(12.0)
    result = []
    for number, gain in enumerate((1.0, 0.01)):
        folder = tmp_path / str(number)
        folder.mkdir()
        job, _ = make_job(folder, (voice + band) * np.float32(gain))
        handle(SeparationParams(stems=(Stem.VOCALS,)), job, engine)
        result.append(si_sdr(voice, read(folder / "outputs" / "vocals.flac")))
    assert result[1] == pytest.approx(result[0], abs=0.1)


def test_without_overlap_segments_join_as_one_transform(weights: dict[str, Path]) -> None:
    """Masks of ones must give the input back, over segments and at both ends."""
    separator = SpleeterSeparator(open_network(weights["spleeter-2stems"], threads=2))
    audio = song(13.0)
    for overlap in (0.0, 0.25):
        stems = np.concatenate(
            list(separate_stream(iter([audio]), separator, overlap=overlap)), axis=-1
        )
        assert stems.shape == (2, *audio.shape)
        assert np.abs(stems.sum(axis=0) - audio).max() < 1e-5


def test_weights_that_are_not_here_are_refused_with_the_command(engine: NetworkEngine) -> None:
    with pytest.raises(Rejected, match=r"kit\.weights fetch separation --all"):
        engine.open(Weights.HTDEMUCS, Precision.EXACT)
    assert engine.available == (Weights.SPLEETER,)


def test_open_networks_are_kept(engine: NetworkEngine) -> None:
    first = engine.open(None, Precision.EXACT)
    assert engine.open(Weights.SPLEETER, Precision.EXACT) is first
