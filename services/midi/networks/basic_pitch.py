"""Convert Basic Pitch's network to an equivalent ONNX graph with less than half the work.

The official graph computes its constant-Q transform, its stack of harmonics and its convolutions in
layouts that suit TensorFlow: copies of single numbers, convolutions with one to eight outputs
that leave most of a processor's vector units idle, and frames at the edges of a window that are
unused. Here the weights stay as they are, and neighbouring outputs of one convolution are computed
as channels of another, its *phases*: a little more arithmetic, in far fewer steps.

Architecture: Bittner, Bosch, Rubinstein, Meseguer-Brocal and Ewert, "A lightweight instrument-
agnostic model for polyphonic note transcription and multipitch estimation", ICASSP 2022, with the
transform of Cheuk, Anderson, Agres and Herremans, "nnAudio", IEEE Access 8, 2020.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from kit.arrays import F32
from kit.notes.partials import HOP
from kit.weights.graph import Graph
from services.midi.engine import BATCH, EDGE_FRAMES, KEPT_FRAMES, WINDOW

_FRAMES = KEPT_FRAMES + 2 * EDGE_FRAMES
_REACH = 10
"""Context of an onset to each side in frames: half of the convolutions' lengths, 3 to 7."""
_OCTAVES, _PER_OCTAVE = 9, 36
_BINS = 309
"""Bins of the transform: nine octaves without the lowest 15 bins."""
_CONTOUR, _PITCHES = 264, 88
_STACK = (-36, 0, 36, 57, 72, 84, 93, 101)
"""Offsets of the harmonic stack in bins: an octave below, the tone, harmonics 2 to 7."""
_TAPS = 256
"""Length of the transform's kernels, and of the filter before each halving of the rate."""
_FILTER_PHASES = 16


def convert(parts: Mapping[str, Path], output: Path) -> None:
    """Read the official `nmp.onnx` and write the graph.

    Parameters
    ----------
    parts
        The official file, by name.
    output
        Output file. Input `audio`, (4, 43844): windows of mono audio at 22050 Hz. Outputs
        `onset` and `note`, (4, 142, 88), and `contour`, (4, 142, 264): frames 15 to 156 of each
        window.

    Raises
    ------
    ValueError
        The file is not the official network.
    """
    _build(read_weights(parts["nmp.onnx"])).save(output)


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution: `kernel` [outputs, inputs, bins, frames], `bias` [outputs]."""

    kernel: F32
    bias: F32


@dataclass(frozen=True, slots=True)
class BasicPitchWeights:
    """Weights of the official graph, and the constants of its transform."""

    kernels: F32
    """[72, 256]: real and imaginary parts of an octave's 36 kernels."""
    low_pass: F32
    """[256]."""
    scale: F32
    """[309], of each bin's power."""
    normalisation: tuple[float, float]
    """Factor and offset of the input of the network."""
    harmonics: Layer
    contour: Layer
    note_in: Layer
    note: Layer
    onset_in: Layer
    onset: Layer


def read_weights(path: Path) -> BasicPitchWeights:
    """Read the weights of the official graph, identified by their use and shape.

    Raises
    ------
    ValueError
        The graph does not contain the weights of the official one.
    """
    graph = onnx.load_model_from_string(path.read_bytes()).graph
    arrays = {array.name: numpy_helper.to_array(array) for array in graph.initializer}
    convolutions: dict[tuple[int, ...], Layer] = {}
    kernels: dict[str, F32] = {}
    for node in graph.node:
        if node.op_type == "Conv":
            kernel = arrays[node.input[1]]
            if kernel.shape == (_PER_OCTAVE, 1, 1, _TAPS):
                kernels[node.input[1]] = kernel[:, 0, 0]
            # Time comes first in the official graph, here it comes last.
            layer = Layer(kernel.transpose(0, 1, 3, 2), arrays[node.input[2]])
            convolutions[kernel.shape] = layer
    producers = {output: node for node in graph.node for output in node.output}
    shift = next(
        node
        for node in graph.node
        if node.op_type == "Add" and "batch_normalization" in node.output[0]
    )
    factor = producers[shift.input[0]]
    scales = [array for array in arrays.values() if array.shape == (_BINS, 1, 1)]
    shapes = {
        "harmonics": (8, 8, 3, 39),
        "contour": (1, 8, 5, 5),
        "note_in": (32, 1, 7, 7),
        "note": (1, 32, 7, 3),
        "onset_in": (32, 8, 5, 5),
        "onset": (1, 33, 3, 3),
    }
    low_pass = (1, 1, 1, _TAPS)
    missing = [shape for shape in (*shapes.values(), low_pass) if shape not in convolutions]
    if missing or len(kernels) != 2 or len(scales) != 1:
        raise ValueError(f"{path.name} is not the official network: {missing} are not in it")
    return BasicPitchWeights(
        kernels=np.concatenate(list(kernels.values())),
        low_pass=convolutions[low_pass].kernel.reshape(_TAPS),
        scale=scales[0].reshape(_BINS) ** 2,
        normalisation=(
            float(arrays[factor.input[1]].reshape(())),
            float(arrays[shift.input[1]].reshape(())),
        ),
        **{name: convolutions[shape] for name, shape in shapes.items()},
    )


def _build(weights: BasicPitchWeights) -> Graph:
    graph = Graph("basic-pitch")
    graph.input("audio", [BATCH, WINDOW])
    # No convolution pads time: each layer is shorter by its kernel because frames without context
    # are dropped, and skip connections are cropped to match.
    stack = _stacked(graph, _normalised(graph, _transform(graph, weights), weights))
    harmonics = graph.node("Relu", _phased(graph, stack, weights.harmonics, 4, _CONTOUR))
    contour = graph.node("Sigmoid", _phased(graph, harmonics, weights.contour, 8, _CONTOUR))
    inner = graph.node("Relu", _thirds(graph, contour, weights.note_in))
    note = graph.node("Sigmoid", _phased(graph, inner, weights.note, 8, _PITCHES))
    onset_features = graph.slice(
        graph.node("Relu", _thirds(graph, stack, weights.onset_in)), 3, 7, -7
    )
    both = graph.node("Concat", note, onset_features, axis=1)
    onset = graph.node("Sigmoid", _phased(graph, both, weights.onset, 8, _PITCHES))
    _output(graph, onset, "onset", _PITCHES)
    _output(graph, graph.slice(note, 3, 1, -1), "note", _PITCHES)
    _output(graph, graph.slice(contour, 3, 7, -7), "contour", _CONTOUR)
    return graph


def _output(graph: Graph, value: str, name: str, bins: int) -> None:
    """Make [batch, 1, bins, frames] an output, [batch, frames, bins]."""
    flat = graph.reshape(value, BATCH, bins, KEPT_FRAMES)
    graph.output(graph.transpose(flat, 0, 2, 1), name, [BATCH, KEPT_FRAMES, bins])


def _transform(graph: Graph, weights: BasicPitchWeights) -> str:
    """Add the constant-Q transform's power, [batch, bins, frames], from the lowest bin up."""
    signal, length, hop = graph.reshape("audio", BATCH, 1, WINDOW), WINDOW, HOP
    octaves: list[str] = []
    for octave in range(_OCTAVES):
        if octave:
            signal, length = _halved(graph, signal, length, weights.low_pass)
            hop //= 2
        around = graph.node("Pad", signal, graph.integers(*[0, 0, _TAPS // 2] * 2), mode="reflect")
        framed = _framed(graph, around, length + _TAPS, weights.kernels, hop, _FRAMES)
        squared = graph.node("Mul", framed, framed)
        real = graph.slice(squared, 1, 0, _PER_OCTAVE)
        octaves.append(
            graph.node("Add", real, graph.slice(squared, 1, _PER_OCTAVE, 2 * _PER_OCTAVE))
        )
    whole = graph.node("Concat", *reversed(octaves), axis=1)
    total = _OCTAVES * _PER_OCTAVE
    kept = graph.slice(whole, 1, total - _BINS, total)
    return graph.node("Mul", kept, graph.constant(weights.scale.reshape(1, _BINS, 1)))


def _halved(graph: Graph, signal: str, length: int, low_pass: F32) -> tuple[str, int]:
    """Low-pass filter [batch, 1, length] and decimate by 2; 16 outputs are one step."""
    count = (length - 2) // 2 + 1
    steps = -(-count // _FILTER_PHASES)
    kernels = np.zeros((_FILTER_PHASES, _TAPS + 2 * (_FILTER_PHASES - 1)), np.float32)
    for phase, kernel in enumerate(kernels):
        kernel[2 * phase : 2 * phase + _TAPS] = low_pass
    before = _TAPS // 2 - 1
    around = graph.node("Pad", signal, graph.integers(0, 0, before, 0, 0, 0))
    filtered = _framed(graph, around, length + before, kernels, 2 * _FILTER_PHASES, steps)
    joined = graph.transpose(filtered, 0, 2, 1)
    return graph.slice(graph.reshape(joined, BATCH, 1, -1), 2, 0, count), count


def _framed(graph: Graph, signal: str, length: int, kernels: F32, hop: int, frames: int) -> str:
    """Correlate [batch, 1, length] with kernels, every `hop` samples: [batch, kernels, frames].

    A row of `hop` samples becomes the channels of one step, so that a convolution over one channel
    becomes one over many, with a kernel of a few steps.
    """
    count, taps = kernels.shape
    steps = -(-taps // hop)
    needed = (frames - 1 + steps) * hop
    if needed > length:
        signal = graph.node("Pad", signal, graph.integers(0, 0, 0, 0, 0, needed - length))
    elif needed < length:
        signal = graph.slice(signal, 2, 0, needed)
    rows = graph.reshape(signal, BATCH, frames - 1 + steps, hop)
    padded = np.zeros((count, steps * hop), np.float32)
    padded[:, :taps] = kernels
    turned = padded.reshape(count, steps, hop).transpose(0, 2, 1)
    return graph.node("Conv", graph.transpose(rows, 0, 2, 1), graph.constant(turned))


def _normalised(graph: Graph, power: str, weights: BasicPitchWeights) -> str:
    """Add decibels, normalised to 0 to 1 over each window; silence is all zeros."""
    logarithm = graph.node("Log", graph.node("Add", power, graph.scalar(1e-10)))
    decibels = graph.node("Mul", logarithm, graph.scalar(float(10 / np.log(10))))
    above = graph.node("Sub", decibels, graph.node("ReduceMin", decibels, graph.integers(1, 2)))
    highest = graph.node(
        "Max", graph.node("ReduceMax", above, graph.integers(1, 2)), graph.scalar(1e-30)
    )
    factor, offset = weights.normalisation
    scaled = graph.node("Mul", graph.node("Div", above, highest), graph.scalar(factor))
    return graph.node("Add", scaled, graph.scalar(offset))


def _stacked(graph: Graph, bins: str) -> str:
    """Stack the harmonics of each bin: [batch, harmonics, bins, frames] of the needed frames."""
    needed = graph.slice(bins, 2, EDGE_FRAMES - _REACH, EDGE_FRAMES + KEPT_FRAMES + _REACH)
    below = -min(_STACK)
    above = max(_STACK) + _CONTOUR - _BINS
    around = graph.node("Pad", needed, graph.integers(0, below, 0, 0, above, 0))
    layers = [
        graph.node(
            "Unsqueeze",
            graph.slice(around, 1, below + shift, below + shift + _CONTOUR),
            graph.integers(1),
        )
        for shift in _STACK
    ]
    return graph.node("Concat", *layers, axis=1)


def _phased(graph: Graph, value: str, layer: Layer, phases: int, bins: int) -> str:
    """Convolve over bins and frames; `phases` neighbouring bins are channels of one step."""
    outputs, inputs, height, width = layer.kernel.shape
    kernel = np.zeros((outputs, phases, inputs, height + phases - 1, width), np.float32)
    for phase in range(phases):
        kernel[:, phase, :, phase : phase + height] = layer.kernel
    edge = height // 2
    convolved = graph.node(
        "Conv",
        value,
        graph.constant(kernel.reshape(outputs * phases, inputs, height + phases - 1, width)),
        graph.constant(np.repeat(layer.bias, phases)),
        strides=[phases, 1],
        pads=[edge, 0, edge, 0],
    )
    parted = graph.reshape(convolved, BATCH, outputs, phases, bins // phases, -1)
    ordered = graph.transpose(parted, 0, 1, 3, 2, 4)
    return graph.reshape(ordered, BATCH, outputs, bins, -1)


def _thirds(graph: Graph, value: str, layer: Layer) -> str:
    """Convolve over bins and frames, from thirds of a semitone to semitones."""
    edge = (layer.kernel.shape[2] - 3) // 2
    return graph.node(
        "Conv",
        value,
        graph.constant(layer.kernel),
        graph.constant(layer.bias),
        strides=[3, 1],
        pads=[edge, 0, edge, 0],
    )
