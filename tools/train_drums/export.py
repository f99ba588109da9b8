"""Write the network as an ONNX graph, batch normalisation folded into the convolutions."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kit.weights.graph import Graph
from services.midi.strokes.engine import WINDOW
from services.midi.strokes.features import BANDS, DRUMS
from tools.train_drums.network import DILATIONS, FRONT, DrumNetwork


def export(network: DrumNetwork, path: Path) -> None:
    """Write the graph: `WINDOW` frames in; activations and velocities of each frame out."""
    graph = Graph("drums")
    value = graph.reshape(graph.input("spectrogram", (WINDOW, BANDS)), 1, 1, WINDOW, BANDS)
    layers = list(network.front)
    for number, (_, bands) in enumerate(FRONT):
        weight, bias = _folded(layers[3 * number], layers[3 * number + 1])
        value = graph.node(
            "Conv",
            value,
            graph.weight(f"front.{number}.weight", weight),
            graph.weight(f"front.{number}.bias", bias),
            kernel_shape=[3, bands],
            strides=[1, 2],
            pads=[1, bands // 2, 1, bands // 2],
        )
        value = graph.node("Relu", value)
    width = FRONT[-1][0] * (BANDS >> len(FRONT))
    value = graph.reshape(graph.transpose(value, 0, 1, 3, 2), 1, width, WINDOW)
    value = _convolved(graph, value, "narrow", network.narrow)
    for number, (block, dilation) in enumerate(zip(network.blocks, DILATIONS, strict=True)):
        assert isinstance(block, nn.Sequential)
        value = graph.node(
            "Add", value, _convolved(graph, value, f"blocks.{number}", block, dilation)
        )
    head = network.head
    assert head.bias is not None
    value = graph.node(
        "Conv",
        value,
        graph.weight("head.weight", head.weight.detach().numpy()),
        graph.weight("head.bias", head.bias.detach().numpy()),
        kernel_shape=[1],
    )
    value = graph.node("Sigmoid", graph.transpose(value, 0, 2, 1))
    count = len(DRUMS)
    for name, first in (("activation", 0), ("velocity", count)):
        part = graph.reshape(graph.slice(value, 2, first, first + count), WINDOW, count)
        graph.output(part, name, (WINDOW, count))
    graph.save(path)


def _convolved(
    graph: Graph, value: str, name: str, layers: nn.Sequential, dilation: int = 1
) -> str:
    weight, bias = _folded(layers[0], layers[1])
    around = dilation * (weight.shape[2] // 2)
    value = graph.node(
        "Conv",
        value,
        graph.weight(f"{name}.weight", weight),
        graph.weight(f"{name}.bias", bias),
        kernel_shape=[weight.shape[2]],
        dilations=[dilation],
        pads=[around, around],
    )
    return graph.node("Relu", value)


def _folded(
    convolution: nn.Module, norm: nn.Module
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weight and the bias of a convolution and the normalisation after it."""
    assert isinstance(convolution, nn.Conv1d | nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = convolution.weight.double()
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
        bias = norm.bias.double() - norm.running_mean.double() * scale
    return weight.numpy().astype(np.float32), bias.numpy().astype(np.float32)
