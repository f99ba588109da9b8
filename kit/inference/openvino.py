"""Networks on OpenVINO: for x86 CPUs, where it is faster and needs a third of the memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

from kit.arrays import Tensor
from kit.inference.base import Precision, TensorSpec, check
from kit.inference.errors import BadNetwork, DeviceOutOfMemory, InferenceError

_SINK = "/sink_port_0"
_HINTS: dict[Precision, str] = {"exact": "f32", "balanced": "f32", "fast": "bf16"}


class OpenVinoNetwork:
    """A graph compiled by OpenVINO for this CPU."""

    def __init__(
        self, path: Path, *, threads: int, precision: Precision, cache: Path | None
    ) -> None:
        runtime = openvino.Core()
        if "BF16" not in runtime.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            precision = "exact"
        configuration: dict[str, Any] = {
            # Always set: the default is bfloat16 on CPUs that support it.
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
        }
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
            configuration["CACHE_DIR"] = str(cache)
        try:
            graph = runtime.read_model(path)
            if precision == "balanced":
                _multiply_in_bfloat16(graph)
            compiled = runtime.compile_model(graph, "CPU", configuration)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise BadNetwork(f"{path.name} cannot be run by OpenVINO: {reason}") from error
        except MemoryError as error:
            raise _too_small() from error
        self._request: Any = compiled.create_infer_request()
        self.inputs = {_name(port): _spec(port) for port in compiled.inputs}
        self.outputs = {_name(port): _spec(port) for port in compiled.outputs}
        version = openvino.get_version().split("-", 1)[0]
        self.engine = f"openvino {version} cpu"
        self.precision: Precision = precision

    def run(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the graph."""
        check(self.inputs, arrays)
        ordered = [np.ascontiguousarray(arrays[name]) for name in self.inputs]
        try:
            # Copy the outputs: the next run overwrites the request's own arrays.
            results = self._request.infer(ordered, share_inputs=True, share_outputs=False)
        except MemoryError as error:
            raise _too_small() from error
        except RuntimeError as error:
            if "allocate" in str(error):
                raise _too_small() from error
            raise InferenceError(f"The network failed: {error}") from error
        return {name: results[index] for index, name in enumerate(self.outputs)}

    def close(self) -> None:
        """Free the compiled graph."""
        self._request = None


def _multiply_in_bfloat16(graph: Any) -> None:
    """Convert the operands of every matrix product to bfloat16; all else stays in float32."""
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "MatMul" or node.get_output_element_type(0).to_string() != "f32":
            continue
        attributes = node.get_attributes()
        product = ops.matmul(
            ops.convert(node.input_value(0), "bf16"),
            ops.convert(node.input_value(1), "bf16"),
            attributes["transpose_a"],
            attributes["transpose_b"],
        )
        restored = ops.convert(product, "f32")
        restored.set_friendly_name(node.get_friendly_name())
        for target in node.output(0).get_target_inputs():
            target.replace_source_output(restored.output(0))


def _name(port: Any) -> str:
    """Return a port's name in the ONNX graph; OpenVINO may have several names for a tensor."""
    name: str = port.get_node().get_friendly_name().removesuffix(_SINK)
    return name if name in port.get_names() else port.get_any_name()


def _spec(port: Any) -> TensorSpec:
    shape = tuple(n.get_length() if n.is_static else None for n in port.get_partial_shape())
    return TensorSpec(shape, np.dtype(port.get_element_type().to_dtype()))


def _too_small() -> DeviceOutOfMemory:
    return DeviceOutOfMemory("The machine has too little memory for this network at this size.")
