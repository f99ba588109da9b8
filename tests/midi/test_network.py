"""Our graph says what the official one says."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from kit.inference.base import EngineName
from kit.inference.opening import open_network
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from services.midi.engine import BATCH, EDGE_FRAMES, KEPT_FRAMES, STEP, WINDOW
from services.midi.networks.basic_pitch import convert, read_weights
from tests.midi.conftest import ROOT
from tests.midi.music import CHORDS, SCALE, perform

KEPT = slice(EDGE_FRAMES, EDGE_FRAMES + KEPT_FRAMES)
OFFICIAL = {"contour": 0, "note": 1, "onset": 2}


@pytest.fixture(scope="module")
def official(weights: dict[str, Path]) -> Path:
    entries = read_manifest(ROOT / "services" / "midi" / "weights.toml").weights
    entry = next(entry for entry in entries if entry.name == "basic-pitch")
    return open_store(KitSettings()).folder(entry) / "nmp.onnx"


def windows() -> np.ndarray:
    """Four windows: chords, a scale, noise that is far too loud, and silence."""
    rng = np.random.default_rng(5)
    parts = [perform(CHORDS)[0, : 2 * STEP : 2], perform(SCALE)[0, STEP : 3 * STEP : 2]]
    output = np.zeros((BATCH, WINDOW), np.float32)
    for row, part in zip(output, parts, strict=False):
        row[: len(part)] = part
    output[2] = rng.normal(0, 3.0, WINDOW)
    return output


@pytest.mark.parametrize(("engine", "within"), [("openvino", 1e-5), ("onnxruntime", 1e-3)])
def test_posteriors_equal_those_of_the_official_graph(
    weights: dict[str, Path], official: Path, engine: EngineName, within: float
) -> None:
    pytest.importorskip(engine)
    audio = windows()
    ours = open_network(weights["basic-pitch"], engine=engine).run({"audio": audio})
    batch = {"serving_default_input_2:0": audio[..., None]}
    theirs = open_network(official, engine=engine).run(batch)
    for name, number in OFFICIAL.items():
        expected = theirs[f"StatefulPartitionedCall:{number}"][:, KEPT]
        assert ours[name].shape == expected.shape
        np.testing.assert_allclose(ours[name], expected, atol=within, rtol=0)
    # The comparison means something: there are notes in it.
    assert ours["note"][:2].max() > 0.5


def test_the_same_weights_give_the_same_bytes(
    weights: dict[str, Path], official: Path, tmp_path: Path
) -> None:
    convert({"nmp.onnx": official}, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == weights["basic-pitch"].read_bytes()


def test_another_network_is_refused(official: Path, tmp_path: Path) -> None:
    other = onnx.load_model_from_string(official.read_bytes())
    low_pass = next(
        node.input[1]
        for node in other.graph.node
        if node.op_type == "Conv" and node.name and "conv1d_2" in node.output[0]
    )
    for tensor in other.graph.initializer:
        if tensor.name == low_pass:
            del tensor.dims[:]
            tensor.dims.extend([1, 1, 2, 128])
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(ValueError, match="not the official network"):
        read_weights(tmp_path / "other.onnx")
