"""What has too little memory says so in one word, which the worker falls back on (R20)."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from kit.inference.devices import available_device
from kit.inference.errors import DeviceMissing, DeviceOutOfMemory
from kit.inference.opening import open_network
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import MissingWeights, open_store
from kit.worker.engines import EngineContext
from tests.inference.test_networks import save, value


def test_an_array_larger_than_any_memory_has_its_own_error(tmp_path: Path) -> None:
    """On ONNX Runtime, the engine of GPUs; OpenVINO takes all of a graph's memory when it opens."""
    nodes = [
        helper.make_node("Expand", ["x", "shape"], ["wide"]),
        helper.make_node("Add", ["wide", "x"], ["y"]),
    ]
    inputs = [value("x", [1]), value("shape", [1], TensorProto.INT64)]
    graph = helper.make_graph(nodes, "wide", inputs, [value("y", ["n"])])
    network = open_network(save(tmp_path / "wide.onnx", graph), engine="onnxruntime")
    source = np.ones(1, np.float32)
    assert network.run({"x": source, "shape": np.array([3])})["y"].tolist() == [2.0] * 3
    with pytest.raises(DeviceOutOfMemory, match="too little memory"):
        network.run({"x": source, "shape": np.array([1 << 45])})


@pytest.mark.parametrize("word", ["midi", "separation"])
def test_an_engine_on_a_gpu_that_is_not_there_says_what_to_do(word: str) -> None:
    if available_device("auto") == "cuda":
        pytest.skip("there is a GPU here")
    from kit.service import resolve

    service = resolve(f"services.{word}.service:SERVICE")
    try:
        store = open_store(KitSettings())
        weights = store.verified(read_manifest(service.weights))
    except MissingWeights as missing:
        pytest.skip(str(missing))
    load = resolve(service.engine)
    with pytest.raises(DeviceMissing, match="extra `gpu`"):
        load(EngineContext(weights=weights, device="cuda"))
    load(EngineContext(weights=weights, device="cpu", fallback=True))
