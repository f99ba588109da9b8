"""The networks on a real GPU: what the original gives, and said so. `pytest -m gpu`."""

from pathlib import Path

import numpy as np
import pytest

from kit.inference.devices import available_device
from kit.worker.engines import EngineContext
from services.tagging.engine import load_engine
from services.tagging.vocabulary import VOCABULARY
from tests.tagging.test_musicnn import GOLDEN, spectrogram

pytestmark = pytest.mark.gpu


def test_a_gpu_gives_what_the_original_gives(weights: dict[str, Path]) -> None:
    if available_device("auto") != "cuda":
        pytest.skip("there is no GPU here, or onnxruntime-gpu is not installed")
    engine = load_engine(EngineContext(weights=weights, device="cuda"))
    assert " cuda, " in engine.name
    for source in VOCABULARY:
        output = engine.run_tagger(spectrogram()[:2], source)
        with np.load(GOLDEN / f"{source}.npz") as golden:
            np.testing.assert_allclose(output.tags, golden["tags"], atol=1e-4)
            np.testing.assert_allclose(output.embedding, golden["penultimate"], atol=1e-3)
