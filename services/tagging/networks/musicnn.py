"""MusiCNN as an ONNX graph, from its authors' TensorFlow checkpoints.

Architecture: J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music
audio tagging", late-breaking demo, ISMIR 2019; J. Pons et al., "End-to-end learning for music
audio tagging at scale", ISMIR 2018. Checkpoints number layers of a kind in the order of their
creation: filters of timbre, filters of rhythm, three layers over both, then the dense ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kit.arrays import Tensor
from kit.weights.checkpoints import read_tensorflow
from kit.weights.graph import Graph
from services.tagging.mel import BANDS, PATCH

BATCH = 4
"""Patches in one run; fixed, because runtimes recompile for every batch size."""
TAGS = 50
PENULTIMATE = 200
POOLED = 753
_EPSILON = 1e-3
"""Of TensorFlow's batch normalisation."""
_TIMBRE = 2
_RHYTHM = 3
_MIDDLE = 5
"""The number of the first convolution over both kinds."""


def convert(parts: Mapping[str, Path], output: Path) -> None:
    """Read `model.index` and `model.data-…` and write the graph.

    Parameters
    ----------
    parts
        The checkpoint's two files by name, in one folder.
    output
        Output file. Input `mel`, (4, 187, 96): patches of a logarithmic mel spectrogram, see
        `services.tagging.mel`. Outputs `tags`, (4, 50), 0 to 1; `penultimate`, (4, 200);
        `mean_pool` and `max_pool`, (4, 753), over the frames of a patch.
    """
    variables = read_tensorflow(parts["model.index"].with_suffix(""))
    build(variables).save(output)


def build(variables: Mapping[str, Tensor]) -> Graph:
    """Return the graph for a checkpoint's variables."""
    graph = Graph("musicnn")
    net = _Musicnn(graph, variables)
    mel = graph.reshape(graph.input("mel", (BATCH, PATCH, BANDS)), BATCH, 1, PATCH, BANDS)
    front = net.front(net.normalise(mel, 0, rank=4))
    features = graph.node("Concat", front, *net.middle(front), axis=1)
    time = graph.integers(2)
    highest = graph.node("ReduceMax", features, time, keepdims=0)
    mean = graph.node("ReduceMean", features, time, keepdims=0)
    penultimate, logits = net.back(highest, mean)
    graph.output(graph.node("Sigmoid", logits), "tags", (BATCH, TAGS))
    graph.output(penultimate, "penultimate", (BATCH, PENULTIMATE))
    graph.output(mean, "mean_pool", (BATCH, POOLED))
    graph.output(highest, "max_pool", (BATCH, POOLED))
    return graph


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


@dataclass(frozen=True, slots=True)
class _Musicnn:
    """The network's parts; values are laid out as batch, channels, frames, bands."""

    graph: Graph
    variables: Mapping[str, Tensor]

    def front(self, mel: str) -> str:
        """Return (batch, 561, frames): each filter's maximum over bands."""
        outputs = []
        for number in range(_TIMBRE + _RHYTHM):
            kernel, bias = self._weights(_numbered("conv2d", number), (3, 2, 0, 1))
            length = self.variables[f"{_numbered('conv2d', number)}/kernel"].shape[0]
            # TensorFlow's `same` padding: the longer half of an even kernel lies after the frame.
            before = (length - 1) // 2
            value = self.graph.node(
                "Conv", mel, kernel, bias, pads=[before, 0, length - 1 - before, 0]
            )
            value = self.normalise(self.graph.node("Relu", value), number + 1, rank=4)
            outputs.append(self.graph.node("ReduceMax", value, self.graph.integers(3), keepdims=0))
        return self.graph.node("Concat", *outputs, axis=1)

    def middle(self, front: str) -> tuple[str, str, str]:
        """Return three layers of (batch, 64, frames), the later two added to the one before."""
        first = self._convolve(front, 0)
        second = self.graph.node("Add", self._convolve(first, 1), first)
        return first, second, self.graph.node("Add", self._convolve(second, 2), second)

    def back(self, highest: str, mean: str) -> tuple[str, str]:
        """Return the penultimate layer and the logits."""
        # A channel's two pools lie side by side: maximum, mean, maximum of the next, and so on.
        pooled = self.graph.node(
            "Concat",
            self.graph.reshape(highest, BATCH, POOLED, 1),
            self.graph.reshape(mean, BATCH, POOLED, 1),
            axis=2,
        )
        flat = self.normalise(self.graph.reshape(pooled, BATCH, 2 * POOLED), 9, rank=2)
        dense = self.graph.node("Relu", self._dense(flat, "dense"))
        penultimate = self.normalise(dense, 10, rank=2)
        return penultimate, self._dense(penultimate, "dense_1")

    def normalise(self, value: str, number: int, *, rank: int) -> str:
        """Apply a batch normalisation with its learnt parameters."""
        layer = _numbered("batch_normalization", number)
        variance = self.variables[f"{layer}/moving_variance"].astype(np.float64)
        scale = self.variables[f"{layer}/gamma"] / np.sqrt(variance + _EPSILON)
        offset = self.variables[f"{layer}/beta"] - self.variables[f"{layer}/moving_mean"] * scale
        shape = (1, scale.size, *(1,) * (rank - 2))
        factor = self.graph.weight(f"{layer}.scale", scale.reshape(shape).astype(np.float32))
        summand = self.graph.weight(f"{layer}.offset", offset.reshape(shape).astype(np.float32))
        return self.graph.node("Add", self.graph.node("Mul", value, factor), summand)

    def _convolve(self, value: str, index: int) -> str:
        layer = _numbered("conv2d", _MIDDLE + index)
        # The original treats channels as bands of an image, and a kernel covers all of them.
        kernel = self.variables[f"{layer}/kernel"][:, :, 0].transpose(2, 1, 0)
        convolved = self.graph.node(
            "Conv",
            value,
            self.graph.weight(f"{layer}.kernel", kernel),
            self.graph.weight(f"{layer}.bias", self.variables[f"{layer}/bias"]),
            pads=[3, 3],
        )
        return self.normalise(self.graph.node("Relu", convolved), _MIDDLE + 1 + index, rank=3)

    def _dense(self, value: str, layer: str) -> str:
        kernel = self.graph.weight(f"{layer}.kernel", self.variables[f"{layer}/kernel"])
        bias = self.graph.weight(f"{layer}.bias", self.variables[f"{layer}/bias"])
        return self.graph.node("Add", self.graph.node("MatMul", value, kernel), bias)

    def _weights(self, layer: str, order: tuple[int, ...]) -> tuple[str, str]:
        kernel = self.variables[f"{layer}/kernel"].transpose(order)
        return (
            self.graph.weight(f"{layer}.kernel", kernel),
            self.graph.weight(f"{layer}.bias", self.variables[f"{layer}/bias"]),
        )
