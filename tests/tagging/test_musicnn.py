"""The networks with their real weights: equal to the original, on each engine."""

from pathlib import Path

import numpy as np
import pytest

from contracts.tagging import EMBEDDING_SIZE, TagSource
from kit.arrays import F32
from kit.inference.base import EngineName
from kit.inference.opening import open_network
from kit.weights.checkpoints import read_tensorflow
from kit.weights.manifest import WeightsManifest
from kit.weights.store import Store
from services.tagging.engine import BATCH, Engine
from services.tagging.mel import BANDS, PATCH
from services.tagging.networks import musicnn
from services.tagging.vocabulary import VOCABULARY
from tests.tagging import musicnn_port

GOLDEN = Path(__file__).with_name("golden")
TOLERANCE = 1e-5
"""Of an output's largest value."""


def spectrogram(seed: int = 7) -> F32:
    """Return patches with the levels of music, the same everywhere."""
    chance = np.random.Generator(np.random.PCG64(seed))
    slope = np.linspace(2.5, 0.5, BANDS)
    beat = 1.0 + 0.5 * (np.arange(PATCH) % 31 < 4)
    noise = chance.random((BATCH, PATCH, BANDS))
    return (noise * slope * beat[:, None]).astype(np.float32)


def assert_equal(actual: dict[str, F32], expected: dict[str, F32]) -> None:
    for name, array in expected.items():
        difference = float(np.abs(actual[name] - array).max())
        assert difference <= TOLERANCE * max(1.0, float(np.abs(array).max())), name


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("source", list(VOCABULARY))
def test_outputs_are_those_of_the_original_graph(
    weights: dict[str, Path], engine: EngineName, source: TagSource
) -> None:
    """The golden arrays are TensorFlow's, see benchmarks/tagging.py."""
    if engine == "openvino":
        pytest.importorskip("openvino")
    network = open_network(weights[f"musicnn-{source}"], engine=engine)
    actual = network.run({"mel": spectrogram()})
    with np.load(GOLDEN / f"{source}.npz") as golden:
        assert set(golden) == set(actual) == {"tags", "penultimate", "mean_pool", "max_pool"}
        assert_equal({name: array[:2] for name, array in actual.items()}, dict(golden))
        assert golden["tags"].std() > 0.01


@pytest.mark.parametrize("source", list(VOCABULARY))
def test_outputs_are_those_of_an_independent_port(
    store: Store, manifest: WeightsManifest, weights: dict[str, Path], source: TagSource
) -> None:
    entry = next(
        candidate for candidate in manifest.weights if candidate.name == f"musicnn-{source}"
    )
    variables = read_tensorflow(store.folder(entry) / "model")
    patches = spectrogram(seed=8)
    actual = open_network(weights[entry.name]).run({"mel": patches})
    expected = musicnn_port.run(variables, patches[0])
    assert_equal({name: array[0] for name, array in actual.items()}, expected)


def test_the_same_checkpoint_gives_the_same_bytes(
    store: Store, manifest: WeightsManifest, weights: dict[str, Path], tmp_path: Path
) -> None:
    entry = manifest.weights[0]
    parts = {part.file: store.folder(entry) / part.file for part in entry.parts}
    musicnn.convert(parts, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == weights[entry.name].read_bytes()
    assert weights[entry.name].stat().st_size < 4_000_000


@pytest.mark.parametrize("source", list(VOCABULARY))
def test_a_patch_does_not_depend_on_its_batch(engine: Engine, source: TagSource) -> None:
    patches = spectrogram()
    all_ = engine.run_tagger(patches, source)
    alone = engine.run_tagger(patches[2:3], source)
    assert all_.tags.shape == (BATCH, len(VOCABULARY[source]))
    assert alone.embedding.shape == (1, EMBEDDING_SIZE)
    np.testing.assert_allclose(alone.tags[0], all_.tags[2], atol=1e-6)
    np.testing.assert_allclose(alone.embedding[0], all_.embedding[2], atol=1e-5)


def test_the_batch_of_the_graph_is_that_of_the_engine() -> None:
    assert musicnn.BATCH == BATCH
    assert musicnn.PENULTIMATE == EMBEDDING_SIZE
    assert {len(words) for words in VOCABULARY.values()} == {musicnn.TAGS}
