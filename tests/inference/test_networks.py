"""Networks on each engine: the same answers, the same names, clear errors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kit.inference.base import EngineName, Network, Precision, TensorSpec
from kit.inference.errors import BadInput, BadNetwork, DeviceMissing, InferenceError
from kit.inference.opening import open_network

ENGINES: list[EngineName] = ["onnxruntime", "openvino"]


def save(path: Path, graph: onnx.GraphProto) -> Path:
    output = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    output.ir_version = 9
    onnx.checker.check_model(output)
    path.write_bytes(output.SerializeToString())
    return path


def value(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def small_graph(path: Path) -> Path:
    """A convolution, a matrix product, two inputs, three outputs of which one is a mere alias."""
    rng = np.random.default_rng(7)
    kernel = numpy_helper.from_array(rng.normal(size=(8, 3, 5)).astype(np.float32), "kernel")
    matrix = numpy_helper.from_array(rng.normal(size=(64, 16)).astype(np.float32), "matrix")
    nodes = [
        helper.make_node("Conv", ["audio", "kernel"], ["filtered"], pads=[2, 2]),
        helper.make_node("Relu", ["filtered"], ["spectral"]),
        helper.make_node("MatMul", ["spectral", "matrix"], ["projected"]),
        helper.make_node("Mul", ["projected", "gain:0"], ["notes:1"]),
        helper.make_node("Identity", ["notes:1"], ["same"]),
    ]
    inputs = [value("audio", ["batch", 3, 64]), value("gain:0", [1])]
    outputs = [
        value("notes:1", ["batch", 8, 16]),
        value("spectral", ["batch", 8, 64]),
        value("same", ["batch", 8, 16]),
    ]
    return save(path, helper.make_graph(nodes, "small", inputs, outputs, [kernel, matrix]))


def product_graph(path: Path, *, size: int = 256) -> Path:
    rng = np.random.default_rng(3)
    matrix = numpy_helper.from_array(rng.normal(size=(size, size)).astype(np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["hidden"]),
        helper.make_node("Tanh", ["hidden"], ["bent"]),
        helper.make_node("MatMul", ["bent", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "p", [value("x", [4, size])], [value("y", [4, size])], [matrix]
    )
    return save(path, graph)


@pytest.fixture(params=ENGINES)
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Network:
    return open_network(small_graph(tmp_path / "small.onnx"), engine=request.param)


def arrays(batch: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(batch)
    return {
        "audio": rng.normal(size=(batch, 3, 64)).astype(np.float32),
        "gain:0": np.array([0.5], np.float32),
    }


def test_names_types_and_shapes_are_those_of_the_graph(network: Network) -> None:
    f32 = np.dtype(np.float32)
    assert network.inputs == {
        "audio": TensorSpec((None, 3, 64), f32),
        "gain:0": TensorSpec((1,), f32),
    }
    assert network.outputs == {
        "notes:1": TensorSpec((None, 8, 16), f32),
        "spectral": TensorSpec((None, 8, 64), f32),
        "same": TensorSpec((None, 8, 16), f32),
    }
    assert network.precision == "exact"


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_engines_agree_with_the_definition(network: Network, batch: int) -> None:
    feed = arrays(batch)
    result = network.run(feed)
    rng = np.random.default_rng(7)
    kernel = rng.normal(size=(8, 3, 5)).astype(np.float32)
    matrix = rng.normal(size=(64, 16)).astype(np.float32)
    padded = np.pad(feed["audio"], ((0, 0), (0, 0), (2, 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=2)
    spectral = np.maximum(np.einsum("bctk,ock->bot", windows, kernel), 0)
    np.testing.assert_allclose(result["spectral"], spectral, atol=1e-5)
    np.testing.assert_allclose(result["notes:1"], 0.5 * spectral @ matrix, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(result["same"], result["notes:1"])


def test_a_result_outlives_the_next_run(network: Network) -> None:
    first = network.run(arrays(2))
    kept = {name: array.copy() for name, array in first.items()}
    network.run({**arrays(2), "gain:0": np.array([9], np.float32)})
    for name, array in kept.items():
        np.testing.assert_array_equal(first[name], array)


def test_views_are_taken_as_they_look(network: Network) -> None:
    wide = np.random.default_rng(1).normal(size=(2, 3, 128)).astype(np.float32)
    view = {**arrays(2), "audio": wide[:, :, ::2]}
    copy = {**arrays(2), "audio": wide[:, :, ::2].copy()}
    np.testing.assert_array_equal(network.run(view)["same"], network.run(copy)["same"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio": np.zeros((2, 3, 64))}, r"audio must be float32\[\?, 3, 64\], not float64"),
        ({"audio": np.zeros((2, 4, 64), np.float32)}, r"not float32\[2, 4, 64\]"),
        ({"audio": np.zeros((3, 64), np.float32)}, r"not float32\[3, 64\]"),
        ({"more": np.zeros(1, np.float32)}, "takes audio, gain:0, not audio, gain:0, more"),
    ],
)
def test_wrong_arrays_have_their_own_errors(
    network: Network, change: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        network.run({**arrays(), **change})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x09" * 50])
def test_a_file_that_is_no_graph(tmp_path: Path, engine: EngineName, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(BadNetwork, match=r"bad\.onnx cannot be run"):
        open_network(path, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_operator_that_nobody_knows(tmp_path: Path, engine: EngineName) -> None:
    node = helper.make_node("Nonsense", ["x"], ["y"], domain="nowhere")
    graph = helper.make_graph([node], "g", [value("x", [1])], [value("y", [1])])
    output = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("nowhere", 1)]
    )
    output.ir_version = 9
    path = tmp_path / "odd.onnx"
    path.write_bytes(output.SerializeToString())
    with pytest.raises(BadNetwork, match=r"odd\.onnx cannot be run"):
        open_network(path, engine=engine)


def test_a_missing_file_and_impossible_threads(tmp_path: Path) -> None:
    with pytest.raises(BadNetwork, match="no network at"):
        open_network(tmp_path / "none.onnx")
    with pytest.raises(ValueError, match="threads must be 1 or more"):
        open_network(small_graph(tmp_path / "s.onnx"), threads=0)


def test_cuda_where_there_is_none_is_an_error_not_a_fallback(tmp_path: Path) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(DeviceMissing, match="extra `gpu`"):
        open_network(small_graph(tmp_path / "s.onnx"), device="cuda")
    with pytest.raises(DeviceMissing, match="CPUs only"):
        open_network(small_graph(tmp_path / "s.onnx"), device="cuda", engine="openvino")


def decibels(result: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(truth**2) / max(np.sum((result - truth) ** 2), 1e-30)))


@pytest.mark.parametrize(
    ("precision", "minimum"), [("exact", 100.0), ("balanced", 40.0), ("fast", 30.0)]
)
def test_precision_is_as_promised(tmp_path: Path, precision: Precision, minimum: float) -> None:
    path = product_graph(tmp_path / "p.onnx")
    x = np.random.default_rng(5).normal(size=(4, 256)).astype(np.float32)
    matrix = np.random.default_rng(3).normal(size=(256, 256)).astype(np.float32).astype(np.float64)
    truth = np.tanh(x.astype(np.float64) @ matrix) @ matrix
    network = open_network(path, engine="openvino", precision=precision)
    assert network.precision in (precision, "exact")
    noise = decibels(network.run({"x": x})["y"], truth)
    assert noise > minimum
    # Where the machine multiplies in bfloat16 at all, the difference must show.
    if network.precision != "exact":
        assert noise < 90
    assert open_network(path, engine="onnxruntime", precision=precision).precision == "exact"


@pytest.mark.parametrize("precision", ["balanced", "fast"])
def test_balanced_leaves_all_but_matrix_products_alone(
    tmp_path: Path, precision: Precision
) -> None:
    nodes = [helper.make_node("Conv", ["x", "k"], ["y"])]
    kernel = np.random.default_rng(2).normal(size=(64, 64, 3)).astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "c",
        [value("x", [1, 64, 128])],
        [value("y", [1, 64, 126])],
        [numpy_helper.from_array(kernel, "k")],
    )
    path = save(tmp_path / "c.onnx", graph)
    x = np.random.default_rng(1).normal(size=(1, 64, 128)).astype(np.float32)
    truth = open_network(path, engine="onnxruntime").run({"x": x})["y"]
    network = open_network(path, engine="openvino", precision=precision)
    noise = decibels(network.run({"x": x})["y"], truth)
    assert (noise > 100) == (network.precision != "fast")


def test_the_compiled_graph_is_kept_in_the_cache(tmp_path: Path) -> None:
    path, cache = small_graph(tmp_path / "s.onnx"), tmp_path / "cache"
    first = open_network(path, engine="openvino", cache=cache)
    assert any(cache.rglob("*"))
    again = open_network(path, engine="openvino", cache=cache)
    assert again.outputs == first.outputs
    np.testing.assert_array_equal(again.run(arrays())["same"], first.run(arrays())["same"])


def test_auto_takes_what_is_best_here(tmp_path: Path) -> None:
    network = open_network(small_graph(tmp_path / "s.onnx"), threads=2)
    assert network.engine.split()[0] in ("onnxruntime", "openvino")
    assert network.engine.endswith(" cpu")


def test_a_failure_inside_the_graph_is_an_internal_error(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "r",
        [value("x", [4]), value("shape", [2], TensorProto.INT64)],
        [value("y", ["a", "b"])],
    )
    network = open_network(save(tmp_path / "r.onnx", graph), engine="onnxruntime")
    with pytest.raises(InferenceError, match="network failed"):
        network.run({"x": np.zeros(4, np.float32), "shape": np.array([3, 3])})


def run_python(code: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=50,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_no_engine_is_imported_before_a_network_is_opened() -> None:
    code = (
        "import sys, kit.inference.opening\n"
        "print([m for m in ('onnxruntime', 'openvino') if m in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


def test_openvino_runs_without_telemetry_and_without_a_socket(tmp_path: Path) -> None:
    path = small_graph(tmp_path / "s.onnx")
    code = (
        "import socket, sys, pathlib\n"
        "def refuse(*a, **k): raise AssertionError('a socket was opened')\n"
        "socket.socket = refuse\n"
        "from kit.inference.opening import open_network\n"
        f"open_network(pathlib.Path({str(path)!r}), engine='openvino')\n"
        "print(sys.modules['openvino_telemetry'])"
    )
    assert run_python(code).strip() == "None"
