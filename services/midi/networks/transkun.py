"""Convert Transkun's network to an ONNX graph without the work whose results nothing reads.

Architecture: Yan and Duan, "Scoring intervals using non-hierarchical transformer for automatic
piano transcription", ISMIR 2024 (arXiv 2404.09466). The weights stay as they are. Embeddings of
positions are computed here, because they are always the same; the scale of a residual branch is
part of its last layer's weights; the step up to frames and the layer that scores intervals are one
product; the last layer of attention computes only the tracks of the output.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from kit.arrays import F32, F64
from kit.weights.checkpoints import CheckpointError, read_torch
from kit.weights.graph import Graph
from services.midi.piano.heads import gelu
from services.midi.piano.shape import (
    BANDS,
    BLOCK_FRAMES,
    FEATURES,
    FRAME_SIZE,
    PATCH_FRAMES,
    PATCHES,
    SEGMENT_FRAMES,
    TRACKS,
    VELOCITIES,
    WINDOWS,
)

_CHANNELS, _HEADS, _LAYERS = 64, 8, 6
_HEAD = FEATURES // _HEADS
_GROUPS = 4
_STRIDES = ((2, 1), (2, 2), (2, 2), (1, 1))
"""Strides of the convolutions over time and frequency."""
_CONVOLUTIONS = (1, 5, 9, 13)
"""Numbers of the convolutions in the checkpoint; each is followed by its normalisation."""
_BEFORE, _AFTER = (4, 2), (3, 1)
"""Zeros before and after the frames, and below and above the bands."""
_STEPS, _ROWS = PATCHES + 1, 59
"""Steps of time and rows of frequency of the attention: the first of each is a summary."""
_ALL = _ROWS + len(TRACKS)
_SHAPES = {
    "framewiseFeatureExtractor.freq2mels": (FRAME_SIZE // 2 + 1, BANDS),
    "framewiseFeatureExtractor.spectrogramExtractor.winGen.sigma": (WINDOWS - 1,),
    "backbone.inputConv.weight": (_CHANNELS, WINDOWS, 3, 3),
    "backbone.encoderLayers.5.fnnBlockT.module.3.weight": (FEATURES, 4 * FEATURES),
    "backbone.upConv1dSkip.weight": (FEATURES, FEATURES, PATCH_FRAMES),
    "scorer.map.0.weight": (2 * FEATURES + 1, FEATURES),
    "velocityPredictor.3.weight": (VELOCITIES, 512),
    "refinedOFPredictor.3.weight": (4, 512),
}

_CARRIED = ("windows", "mel", "frames.", "velocity.", "edges.")
"""How the names of arrays begin that no node reads."""

Parameters = Mapping[str, F32]


def convert(parts: Mapping[str, Path], output: Path) -> None:
    """Read the official checkpoint and write the graph.

    Parameters
    ----------
    parts
        The official `2.0.pt`, by name.
    output
        Output file. Input `features`, (1, `WINDOWS`, `SEGMENT_FRAMES`, `BANDS`), from
        `piano.features`. Outputs: `track`, (tracks, `PATCHES`, `FEATURES`), and the scores of
        intervals as `IntervalScores` holds them, `single` and `scores.0` to `scores.10`. The file
        also holds the arrays of `read_arrays`, which no node reads.

    Raises
    ------
    CheckpointError
        The file is damaged or not the official checkpoint.
    """
    path = parts["2.0.pt"]
    weights = read_torch(path, state="state_dict").tensors
    shapes = {name: weights[name].shape for name in _SHAPES if name in weights}
    if shapes != _SHAPES:
        raise CheckpointError(f"{path.name} is not a checkpoint of Transkun 2.0.")
    _build(weights).save(output)


def read_arrays(path: Path) -> dict[str, F32]:
    """Read the arrays of what runs outside the graph from the file that `convert` wrote, by name.

    They are `windows` and `mel` of `FrontEnd`, and the weights of `Heads`.
    """
    return {
        array.name: numpy_helper.to_array(array)
        for array in onnx.load(str(path)).graph.initializer
        if array.name.startswith(_CARRIED)
    }


def _build(weights: Parameters) -> Graph:
    graph = Graph("transkun")
    graph.input("features", [1, WINDOWS, SEGMENT_FRAMES, BANDS])
    tokens = _tokens(graph, _convolved(graph, weights), weights)
    for number in range(_LAYERS - 1):
        tokens = _layer(graph, tokens, weights, f"backbone.encoderLayers.{number}", _ALL)
    last = f"backbone.encoderLayers.{_LAYERS - 1}"
    tracks = graph.slice(_layer(graph, tokens, weights, last, len(TRACKS)), 1, 1, _STEPS)
    graph.output(tracks, "track", [len(TRACKS), PATCHES, FEATURES])
    _scores(graph, tracks, weights)
    for name, array in _carried(weights).items():
        graph.weight(name, array)
    return graph


def _convolved(graph: Graph, weights: Parameters) -> str:
    """Add the convolutions: [1, 256, steps, rows]."""
    place = np.arange(BANDS, dtype=np.float64)[:, None]
    bands = _positions(weights, "backbone.posEmbedBuilder", place).T[None, :, None]
    value = graph.node(
        "Conv",
        "features",
        graph.constant(weights["backbone.inputConv.weight"]),
        graph.constant(weights["backbone.inputConv.bias"]),
        pads=[1, 1, 1, 1],
    )
    value = graph.node("Add", value, graph.constant(bands))
    around = graph.integers(0, 0, *_BEFORE, 0, 0, *_AFTER)
    value = graph.node("Pad", value, around)
    for number, strides in zip(_CONVOLUTIONS, _STRIDES, strict=True):
        name = f"backbone.downConv.{number}"
        value = graph.node(
            "Conv",
            value,
            graph.constant(weights[f"{name}.weight"]),
            graph.constant(weights[f"{name}.bias"]),
            strides=list(strides),
            pads=[1, 1, 1, 1],
        )
        value = _normalised_groups(graph, value, weights, f"backbone.downConv.{number + 1}")
        if number != _CONVOLUTIONS[-1]:
            value = _gelu(graph, value)
    return value


def _normalised_groups(graph: Graph, value: str, weights: Parameters, name: str) -> str:
    """Normalise groups of channels, each to mean 0 and variance 1 over time and frequency."""
    scale, shift = (weights[f"{name}.{kind}"] for kind in ("weight", "bias"))
    shape = graph.node("Shape", value)
    ones, zeros = np.ones(_GROUPS, np.float32), np.zeros(_GROUPS, np.float32)
    grouped = graph.node(
        "InstanceNormalization",
        graph.reshape(value, 1, _GROUPS, -1),
        graph.constant(ones),
        graph.constant(zeros),
        epsilon=1e-5,
    )
    restored = graph.node("Reshape", grouped, shape)
    scaled = graph.node("Mul", restored, graph.constant(scale.reshape(1, -1, 1, 1)))
    return graph.node("Add", scaled, graph.constant(shift.reshape(1, -1, 1, 1)))


def _tokens(graph: Graph, value: str, weights: Parameters) -> str:
    """Add a summary and positions to [1, 256, steps, rows], and tracks: [steps, rows, 256]."""
    flat = graph.transpose(graph.reshape(value, FEATURES, PATCHES, _ROWS - 1), 1, 2, 0)
    summarised = graph.node("Pad", flat, graph.integers(1, 1, 0, 0, 0, 0))
    rows = _places(range(_STEPS), range(_ROWS))
    tracks = _places(range(_STEPS), TRACKS)
    sound = graph.node(
        "Add",
        summarised,
        graph.constant(_positions(weights, "backbone.posEmbedBuilderAttnTF", rows)),
    )
    queries = graph.constant(_positions(weights, "backbone.posEmbedBuilderAttnTE", tracks))
    return graph.node("Concat", sound, queries, axis=1)


def _places(steps: Sequence[int], rows: Sequence[int]) -> F64:
    """Return the coordinates of every step and row, [steps, rows, 2]."""
    grid = np.meshgrid(np.asarray(steps, np.float64), np.asarray(rows, np.float64), indexing="ij")
    return np.stack(grid, axis=-1)


def _positions(weights: Parameters, name: str, places: F64) -> F32:
    """Compute the embeddings of coordinates: Fourier features, and a network of two layers."""

    def linear(values: F64, layer: str) -> F64:
        kernel = weights[f"{name}.{layer}.weight"].astype(np.float64)
        product: F64 = values @ kernel.T + weights[f"{name}.{layer}.bias"]
        return product

    phases = linear(places, "proj")
    waves = np.cos(phases) / np.sqrt(phases.shape[-1] / 2)
    return linear(gelu(linear(waves, "mlp.0")), "mlp.3").astype(np.float32)


def _layer(graph: Graph, tokens: str, weights: Parameters, name: str, rows: int) -> str:
    """Attend over rows, then over time; tokens are [steps, rows, 256], and so is the result.

    Both times, what is attended to is the tokens as they come. With fewer `rows` than there are,
    only the last ones are computed.
    """
    queries = tokens if rows == _ALL else graph.slice(tokens, 1, _ALL - rows, _ALL)
    own = graph.transpose(queries, 1, 0, 2)
    value = _attended(graph, queries, tokens, weights, f"{name}.mhaBlockF", (_STEPS, rows, _ALL))
    value = graph.transpose(_widened(graph, value, weights, f"{name}.fnnBlockF"), 1, 0, 2)
    value = _attended(graph, value, own, weights, f"{name}.mhaBlockT", (rows, _STEPS, _STEPS))
    value = _widened(graph, value, weights, f"{name}.fnnBlockT")
    return value if rows != _ALL else graph.transpose(value, 1, 0, 2)


def _attended(
    graph: Graph,
    queries: str,
    source: str,
    weights: Parameters,
    name: str,
    shape: tuple[int, int, int],
) -> str:
    """Add attention with eight heads; the shape is (sequences, queries, tokens of the source)."""
    sequences, asks, length = shape

    def heads(value: str, kind: str, count: int, *order: int, factor: float = 1.0) -> str:
        kernel = weights[f"{name}.module.{kind}_proj_weight"] * np.float32(factor)
        product = graph.node("MatMul", value, graph.constant(kernel))
        return graph.transpose(graph.reshape(product, sequences, count, _HEADS, _HEAD), *order)

    query = heads(_normalised(graph, queries), "q", asks, 0, 2, 1, 3, factor=_HEAD**-0.5)
    key = heads(source, "k", length, 0, 2, 3, 1)
    value = heads(source, "v", length, 0, 2, 1, 3)
    shares = graph.node("Softmax", graph.node("MatMul", query, key), axis=-1)
    joined = graph.transpose(graph.node("MatMul", shares, value), 0, 2, 1, 3)
    joined = graph.reshape(joined, sequences, asks, FEATURES)
    scale = weights[f"{name}.scale"]
    out = _linear(graph, joined, weights, f"{name}.module.out_proj", scale)
    return graph.node("Add", queries, out)


def _widened(graph: Graph, value: str, weights: Parameters, name: str) -> str:
    """Add a branch of two layers, the first four times as wide."""
    inner = _gelu(
        graph, _linear(graph, _normalised(graph, value), weights, f"{name}.module.0", None)
    )
    outer = _linear(graph, inner, weights, f"{name}.module.3", weights[f"{name}.scale"])
    return graph.node("Add", value, outer)


def _linear(graph: Graph, value: str, weights: Parameters, name: str, scale: F32 | None) -> str:
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if scale is not None:
        kernel, bias = kernel * scale[:, None], bias * scale
    product = graph.node("MatMul", value, graph.constant(kernel.T))
    return graph.node("Add", product, graph.constant(bias))


def _normalised(graph: Graph, value: str) -> str:
    """Divide tokens by the root of their mean square."""
    power = graph.node("ReduceMean", graph.node("Mul", value, value), graph.integers(-1))
    root = graph.node("Sqrt", graph.node("Add", power, graph.scalar(1e-6)))
    return graph.node("Div", value, root)


def _gelu(graph: Graph, value: str) -> str:
    inner = graph.node("Erf", graph.node("Div", value, graph.scalar(float(np.sqrt(2)))))
    risen = graph.node("Mul", value, graph.node("Add", inner, graph.scalar(1.0)))
    return graph.node("Mul", risen, graph.scalar(0.5))


def _scores(graph: Graph, tracks: str, weights: Parameters) -> None:
    """Add the scores of intervals, from tracks, [tracks, steps, 256].

    A step becomes eight frames by a linear layer, and each frame becomes three parts by another:
    both are one product, by a matrix for each of the eight. The score of an interval is the product
    of the parts of its beginning and its end, times its length.
    """
    up = weights["backbone.upConv1dSkip.weight"].astype(np.float64)
    score = weights["scorer.map.0.weight"].astype(np.float64)
    bias = score @ weights["backbone.upConv1dSkip.bias"] + weights["scorer.map.0.bias"]
    kernel = np.einsum("iof,so->ifs", up, score)
    parts = (slice(FEATURES), slice(FEATURES, 2 * FEATURES), slice(2 * FEATURES, None))
    end, start, single = (_frames(graph, tracks, kernel[:, :, p], bias[p]) for p in parts)
    graph.output(graph.reshape(single, len(TRACKS), -1), "single", [len(TRACKS), SEGMENT_FRAMES])
    end = graph.node("Mul", end, graph.scalar(FEATURES**-0.5))
    for number, first in enumerate(range(0, SEGMENT_FRAMES, BLOCK_FRAMES)):
        last = min(first + BLOCK_FRAMES, SEGMENT_FRAMES)
        begins, ends = np.arange(first, last)[:, None], np.arange(first, SEGMENT_FRAMES)
        products = graph.node(
            "Einsum",
            graph.slice(start, 1, first, last),
            graph.slice(end, 1, first, SEGMENT_FRAMES),
            equation="tbf,tef->tbe",
        )
        scores = graph.node("Mul", products, graph.constant(ends - begins))
        shape = [len(TRACKS), last - first, SEGMENT_FRAMES - first]
        graph.output(scores, f"scores.{number}", shape)


def _frames(graph: Graph, tracks: str, kernel: F64, bias: F64) -> str:
    """Add a linear layer from steps to frames, [tracks, frames, outputs].

    An engine that multiplies matrices in less precision leaves this product in float32: lengths
    multiply its errors.
    """
    product = graph.node("Einsum", tracks, graph.constant(kernel), equation="tsi,ifo->tsfo")
    frames = graph.reshape(product, len(TRACKS), PATCHES * PATCH_FRAMES, kernel.shape[2])
    kept = graph.slice(frames, 1, 0, SEGMENT_FRAMES)
    return graph.node("Add", kept, graph.constant(bias))


def _carried(weights: Parameters) -> dict[str, F32]:
    """Return the arrays of what runs outside the graph; see `read_arrays`."""
    windows = "framewiseFeatureExtractor.spectrogramExtractor.winGen"
    sigma = 1 / (1 + np.exp(-weights[f"{windows}.sigma"].astype(np.float64)))
    centre = 1 / (1 + np.exp(-weights[f"{windows}.center"].astype(np.float64)))
    at = np.arange(FRAME_SIZE)[None] - FRAME_SIZE * centre[:, None]
    learnt = np.exp(-0.5 * (at / (sigma[:, None] * FRAME_SIZE / 2)) ** 2)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_SIZE) / FRAME_SIZE)
    mel = weights["framewiseFeatureExtractor.freq2mels"]
    arrays = {
        "windows": np.concatenate([hann[None], learnt]),
        "mel": mel[: np.flatnonzero(mel.any(axis=1))[-1] + 1],
        "frames.kernel": weights["backbone.upConv1dSkip.weight"].transpose(2, 0, 1),
        "frames.bias": weights["backbone.upConv1dSkip.bias"],
    }
    for ours, theirs in (("velocity", "velocityPredictor"), ("edges", "refinedOFPredictor")):
        for layer, number in (("inner", 0), ("outer", 3)):
            arrays[f"{ours}.{layer}.kernel"] = weights[f"{theirs}.{number}.weight"].T
            arrays[f"{ours}.{layer}.bias"] = weights[f"{theirs}.{number}.bias"]
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
