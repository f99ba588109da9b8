"""Convert Spleeter's two U-nets to one ONNX graph, from the original TensorFlow checkpoint.

Architecture: A. Jansson et al., "Singing voice separation with deep U-Net convolutional networks",
ISMIR 2017, as trained by R. Hennequin et al., "Spleeter", JOSS 2020. The checkpoint numbers the
layers of the first net (vocals) and of the second (accompaniment) in one sequence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kit.arrays import Tensor
from kit.weights.checkpoints import read_tensorflow
from kit.weights.graph import Graph

FRAMES = 512
"""Frames of one segment."""
BINS = 1024
"""Bins of the networks' input: those below 11 kHz."""
LEVELS = 6
_EPSILON = 1e-3
"""Of Keras' batch normalisation."""
_MASK_EPSILON = 1e-10
_SAME = [1, 1, 2, 2]
"""TensorFlow's `same` padding for kernels of 5 at stride 2 on even lengths."""


def convert(parts: Mapping[str, Path], output: Path) -> None:
    """Read `model.index` and `model.data-…` and write the graph.

    Parameters
    ----------
    parts
        The checkpoint's two files by name, in one folder.
    output
        Output file. Input `magnitude`, (1, 2, 512, 1024): channels, frames, bins of the
        mixture's magnitude spectrogram. Output `masks`, (2, 2, 512, 1024): vocals and
        accompaniment, channels, frames, bins; each 0 to 1, and they sum to 1.
    """
    variables = read_tensorflow(parts["model.index"].with_suffix(""))
    build(variables).save(output)


def build(variables: Mapping[str, Tensor]) -> Graph:
    """Return the graph for a checkpoint's variables."""
    graph = Graph("spleeter-2stems")
    magnitude = graph.input("magnitude", (1, 2, FRAMES, BINS))
    powers = []
    for source in range(2):
        estimate = graph.node("Mul", _Unet(graph, variables, source).run(magnitude), magnitude)
        powers.append(graph.node("Mul", estimate, estimate))
    epsilon = graph.scalar(_MASK_EPSILON)
    total = graph.node("Add", graph.node("Add", *powers), epsilon)
    share = graph.scalar(_MASK_EPSILON / 2)
    masks = [graph.node("Div", graph.node("Add", power, share), total) for power in powers]
    graph.output(graph.node("Concat", *masks, axis=0), "masks", (2, 2, FRAMES, BINS))
    return graph


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


@dataclass(slots=True)
class _Unet:
    """One U-net; skip connections leave before normalisation and activation."""

    graph: Graph
    variables: Mapping[str, Tensor]
    source: int

    def run(self, magnitude: str) -> str:
        graph, skips, value = self.graph, list[str](), magnitude
        for level in range(LEVELS):
            value = self._convolve(value, level)
            skips.append(value)
            if level < LEVELS - 1:
                value = graph.node("LeakyRelu", self._normalise(value, level), alpha=0.2)
        for level in range(LEVELS):
            value = graph.node("Relu", self._deconvolve(value, level))
            value = self._normalise(value, LEVELS + level)
            if level < LEVELS - 1:
                value = graph.node("Concat", skips[LEVELS - 2 - level], value, axis=1)
        number = self.source * (LEVELS + 1) + LEVELS
        kernel, bias = self._weights(_numbered("conv2d", number), (3, 2, 0, 1))
        mask = graph.node("Conv", value, kernel, bias, dilations=[2, 2], pads=[3, 3, 3, 3])
        return graph.node("Sigmoid", mask)

    def _weights(self, layer: str, order: tuple[int, ...]) -> tuple[str, str]:
        kernel = self.variables[f"{layer}/kernel"].transpose(order)
        return (
            self.graph.weight(f"{layer}.kernel", kernel),
            self.graph.weight(f"{layer}.bias", self.variables[f"{layer}/bias"]),
        )

    def _convolve(self, value: str, level: int) -> str:
        number = self.source * (LEVELS + 1) + level
        kernel, bias = self._weights(_numbered("conv2d", number), (3, 2, 0, 1))
        return self.graph.node("Conv", value, kernel, bias, strides=[2, 2], pads=_SAME)

    def _deconvolve(self, value: str, level: int) -> str:
        layer = _numbered("conv2d_transpose", self.source * LEVELS + level)
        kernel, bias = self._weights(layer, (3, 2, 0, 1))
        return self.graph.node("ConvTranspose", value, kernel, bias, strides=[2, 2], pads=_SAME)

    def _normalise(self, value: str, index: int) -> str:
        layer = _numbered("batch_normalization", self.source * 2 * LEVELS + index)
        variance = self.variables[f"{layer}/moving_variance"].astype(np.float64)
        scale = self.variables[f"{layer}/gamma"] / np.sqrt(variance + _EPSILON)
        offset = self.variables[f"{layer}/beta"] - self.variables[f"{layer}/moving_mean"] * scale
        shaped = (1, scale.size, 1, 1)
        scaled = self.graph.node(
            "Mul",
            value,
            self.graph.weight(f"{layer}.scale", scale.reshape(shaped).astype(np.float32)),
        )
        return self.graph.node(
            "Add",
            scaled,
            self.graph.weight(f"{layer}.offset", offset.reshape(shaped).astype(np.float32)),
        )
