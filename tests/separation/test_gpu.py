"""The light separator on a real GPU: what the CPU gives, and said so. `pytest -m gpu`."""

from pathlib import Path

import pytest

from contracts.separation import SeparationParams, StemDepth, StemFormat
from kit.audio.decode import read
from kit.inference.devices import available_device
from kit.worker.engines import EngineContext
from services.separation.engine import load_engine
from services.separation.handler import handle
from tests.separation.fake_separators import make_job, snr
from tests.separation.synthetic_vocals import song

pytestmark = pytest.mark.gpu


def test_a_gpu_gives_what_the_cpu_gives(weights: dict[str, Path], tmp_path: Path) -> None:
    if available_device("auto") != "cuda":
        pytest.skip("there is no GPU here, or onnxruntime-gpu is not installed")
    only = {"spleeter-2stems": weights["spleeter-2stems"]}
    params = SeparationParams(format=StemFormat.WAV, depth=StemDepth.FLOAT32)
    stems = {}
    for device in ("cpu", "cuda"):
        folder = tmp_path / device
        folder.mkdir()
        job, _ = make_job(folder, song(14.0))
        result = handle(params, job, load_engine(EngineContext(weights=only, device=device)))
        assert result.engine.endswith(f" {device}")
        stems[device] = read(folder / "outputs" / "vocals.wav")
    assert snr(stems["cpu"], stems["cuda"]) > 80
