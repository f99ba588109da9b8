"""Spleeter with its real weights: equal to an independent port, and it separates."""

from pathlib import Path

import numpy as np
import pytest

from contracts.music import Stem
from contracts.separation import Precision, SeparationParams, Weights
from kit.audio.decode import read
from kit.inference.base import EngineName, open_network
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import MissingWeights, Store
from kit.worker.engines import EngineContext
from kit.worker.outcomes import Rejected
from services.separation.dsp import Samples, hann, stft
from services.separation.engine import NetworkEngine, load_engine
from services.separation.handler import handle
from services.separation.service import SERVICE
from services.separation.spleeter import HOP, SIZE, SpleeterSeparator
from services.separation.streaming import separate_stream
from tests.separation.toys import make_job
from tests.separation.voices import parts, song

GOLDEN = Path(__file__).with_name("golden") / "spleeter.npz"


@pytest.fixture(scope="session")
def weights() -> dict[str, Path]:
    assert SERVICE.weights is not None
    try:
        return Store(KitSettings().weights_dir).verified(read_manifest(SERVICE.weights))
    except MissingWeights as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def engine(weights: dict[str, Path]) -> NetworkEngine:
    only = {"spleeter-2stems": weights["spleeter-2stems"]}
    return load_engine(EngineContext(weights=only, threads=2))


def si_sdr(reference: Samples, estimate: Samples) -> float:
    """Scale-invariant ratio of signal to distortion in dB (J. Le Roux et al., ICASSP 2019)."""
    wide, made = reference.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
    target = (wide @ made) / (wide @ wide) * wide
    return 10 * float(np.log10((target @ target) / np.square(made - target).sum()))


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
    found = []
    for number, gain in enumerate((1.0, 0.01)):
        folder = tmp_path / str(number)
        folder.mkdir()
        job, _ = make_job(folder, (voice + band) * np.float32(gain))
        handle(SeparationParams(stems=(Stem.VOCALS,)), job, engine)
        found.append(si_sdr(voice, read(folder / "outputs" / "vocals.flac")))
    assert found[1] == pytest.approx(found[0], abs=0.1)


def test_without_overlap_segments_join_as_one_transform(weights: dict[str, Path]) -> None:
    """Masks of ones must give the input back, over segments and at both ends."""
    separator = SpleeterSeparator(open_network(weights["spleeter-2stems"], threads=2))
    audio = song(25.0)
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
