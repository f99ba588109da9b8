"""Build ONNX graphs node by node; the same graph is always written as the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kit.arrays import Tensor

OPSET = 18
"""Old enough for both engines, new enough for `axes` as an input of reductions."""


class Graph:
    """Builds an ONNX graph; every method that adds a node returns its output's name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def input(self, name: str, shape: Sequence[int]) -> str:
        """Declare an input of float32."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return name

    def output(self, value: str, name: str, shape: Sequence[int]) -> None:
        """Declare that a value is an output of float32."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def weight(self, name: str, array: Tensor) -> str:
        """Add an array under its own name."""
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def constant(self, array: Tensor) -> str:
        """Add an array of float32 without a name."""
        return self.weight(f"constant.{len(self._weights)}", np.asarray(array, np.float32))

    def scalar(self, value: float) -> str:
        """Add a number of float32."""
        return self.weight(f"scalar.{value!r}", np.array(value, np.float32))

    def integers(self, *values: int) -> str:
        """Add a list of integers, for shapes, axes and bounds."""
        return self.weight("integers." + ".".join(map(str, values)), np.array(values, np.int64))

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        self._count += 1
        output = f"{kind.lower()}.{self._count}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def reshape(self, value: str, *shape: int) -> str:
        """Add a reshape."""
        return self.node("Reshape", value, self.integers(*shape))

    def slice(self, value: str, axis: int, start: int, end: int) -> str:
        """Add a slice along an axis."""
        bounds = (self.integers(start), self.integers(end), self.integers(axis))
        return self.node("Slice", value, *bounds)

    def transpose(self, value: str, *order: int) -> str:
        """Add a transposition."""
        return self.node("Transpose", value, perm=list(order))

    def split(self, value: str, *names: str, axis: int) -> None:
        """Add a split into equal parts with these names."""
        self._nodes.append(
            helper.make_node("Split", [value], list(names), axis=axis, num_outputs=len(names))
        )

    def save(self, path: Path) -> None:
        """Check the graph and write it; the same graph gives the same bytes."""
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, list(self._weights.values())
        )
        network = helper.make_model(
            graph, producer_name="cratedig", opset_imports=[helper.make_opsetid("", OPSET)]
        )
        network.ir_version = 9
        onnx.checker.check_model(network)
        path.write_bytes(network.SerializeToString(deterministic=True))
