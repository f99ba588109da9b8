"""The layers of HTDemucs as ONNX nodes."""

from collections.abc import Mapping, Sequence

import numpy as np

from kit.arrays import Tensor
from kit.weights.graph import Graph

_EPSILON = 1e-5


class Layers:
    """Adds layers to a graph and takes their weights from a checkpoint, by the layers' names."""

    def __init__(self, graph: Graph, tensors: Mapping[str, Tensor]) -> None:
        self.graph = graph
        self._tensors = tensors

    def tensor(self, name: str) -> Tensor:
        """Return weights in float32, in which everything is computed."""
        return self._tensors[name].astype(np.float32)

    def weight(self, name: str, *shape: int) -> str:
        """Add weights under their own name, in another shape if one is given."""
        array = self.tensor(name)
        return self.graph.weight(name, array.reshape(shape) if shape else array)

    def convolve(
        self,
        name: str,
        value: str,
        *,
        strides: Sequence[int] = (),
        pads: Sequence[int] = (),
        dilations: Sequence[int] = (),
        flat: bool = False,
    ) -> str:
        """Add a convolution; `flat` gives a kernel over time a height of one."""
        attributes = {"strides": strides, "pads": pads, "dilations": dilations}
        options = {key: list(entry) for key, entry in attributes.items() if entry}
        kernel = self.tensor(f"{name}.weight")
        if flat:
            kernel = kernel[:, :, None, :]
        weight = self.graph.weight(f"{name}.weight", kernel)
        return self.graph.node("Conv", value, weight, self.weight(f"{name}.bias"), **options)

    def deconvolve(
        self, name: str, value: str, *, strides: Sequence[int], pads: Sequence[int]
    ) -> str:
        """Add a transposed convolution; `pads` are cut off its ends."""
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.graph.node(
            "ConvTranspose", value, weight, bias, strides=list(strides), pads=list(pads)
        )

    def gelu(self, value: str) -> str:
        """Add the exact GELU, in the form that runtimes recognise."""
        graph = self.graph
        inner = graph.node("Erf", graph.node("Div", value, graph.scalar(float(np.sqrt(2)))))
        outer = graph.node("Mul", value, graph.node("Add", inner, graph.scalar(1.0)))
        return graph.node("Mul", outer, graph.scalar(0.5))

    def gate(self, value: str) -> str:
        """Add a gated linear unit: the first half of the channels times the sigmoid of the rest."""
        self.graph.split(value, first := f"{value}.value", second := f"{value}.gate", axis=1)
        return self.graph.node("Mul", first, self.graph.node("Sigmoid", second))

    def residual(self, name: str, value: str, *, depth: int, spectral: bool) -> str:
        """Add Demucs' dilated residual branches over time.

        In the spectral branch every bin is a separate signal with its own level.
        """
        graph = self.graph
        for index in range(depth):
            layer, spread = f"{name}.layers.{index}", 2**index
            sides = [0, spread, 0, spread] if spectral else [spread, spread]
            dilations = [1, spread] if spectral else [spread]
            y = self.convolve(f"{layer}.0", value, pads=sides, dilations=dilations, flat=spectral)
            y = self.gelu(self._normalise(f"{layer}.1", y, spectral=spectral))
            y = self.convolve(f"{layer}.3", y, flat=spectral)
            y = self.gate(self._normalise(f"{layer}.4", y, spectral=spectral))
            scale = self.weight(f"{layer}.6.scale", *((1, -1, 1, 1) if spectral else (1, -1, 1)))
            value = graph.node("Add", value, graph.node("Mul", y, scale))
        return value

    def _normalise(self, name: str, value: str, *, spectral: bool) -> str:
        channels = self.tensor(f"{name}.weight").size
        return self.normalise(
            name, value, channels=channels, axis=1, over=-1, rank=4 if spectral else 3
        )

    def normalise(
        self, name: str, value: str, *, channels: int, axis: int, over: int, rank: int
    ) -> str:
        """Add a normalisation over all channels and one more axis.

        A mean over millions of values in one pass of float32 is imprecise. It is taken in two:
        over the long axis, then over the channels; and the second as a sum times a factor, since
        OpenVINO would join two means into one again.
        """
        graph = self.graph
        centred = graph.node("Sub", value, self._mean(value, channels, axis, over))
        square = graph.node("Mul", centred, centred)
        variance = self._mean(square, channels, axis, over)
        spread = graph.node("Sqrt", graph.node("Add", variance, graph.scalar(_EPSILON)))
        shape = [1] * rank
        shape[axis] = channels
        normal = graph.node("Div", centred, spread)
        scaled = graph.node("Mul", normal, self.weight(f"{name}.weight", *shape))
        return graph.node("Add", scaled, self.weight(f"{name}.bias", *shape))

    def _mean(self, value: str, channels: int, axis: int, over: int) -> str:
        graph = self.graph
        means = graph.node("ReduceMean", value, graph.integers(over), keepdims=1)
        total = graph.node("ReduceSum", means, graph.integers(axis), keepdims=1)
        return graph.node("Mul", total, graph.scalar(1.0 / channels))
