"""MusiCNN once more, in numpy and float64, laid out as the original is: to compare with."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F64

Variables = Mapping[str, NDArray[np.float32]]


def run(variables: Variables, mel: NDArray[np.float32]) -> dict[str, F64]:
    """Return tags, penultimate layer and both pools of one patch, `[frames, bands]`."""
    image = _normalised(variables, 0, mel.astype(np.float64)[:, :, None])
    timbre = [_best_band(variables, n, np.pad(image, ((3, 3), (0, 0), (0, 0)))) for n in (0, 1)]
    rhythm = [
        _best_band(variables, n, np.pad(image, (((size - 1) // 2, size // 2), (0, 0), (0, 0))))
        for n, size in ((2, 128), (3, 64), (4, 32))
    ]
    front = np.concatenate([*timbre, *rhythm], axis=1)
    first = _layer(variables, 5, front)
    second = _layer(variables, 6, first) + first
    third = _layer(variables, 7, second) + second
    features = np.concatenate([front, first, second, third], axis=1)
    highest, mean = features.max(axis=0), features.mean(axis=0)
    flat = _normalised(variables, 9, np.stack([highest, mean], axis=1).reshape(-1))
    dense = np.maximum(flat @ variables["dense/kernel"] + variables["dense/bias"], 0.0)
    penultimate = _normalised(variables, 10, dense)
    logits = penultimate @ variables["dense_1/kernel"] + variables["dense_1/bias"]
    return {
        "tags": 1.0 / (1.0 + np.exp(-logits)),
        "penultimate": penultimate,
        "mean_pool": mean,
        "max_pool": highest,
    }


def _best_band(variables: Variables, number: int, image: F64) -> F64:
    outputs = _normalised(
        variables, number + 1, np.maximum(_convolved(variables, number, image), 0)
    )
    return np.asarray(outputs.max(axis=1))


def _layer(variables: Variables, number: int, features: F64) -> F64:
    image = np.pad(features[:, :, None], ((3, 3), (0, 0), (0, 0)))
    output = np.maximum(_convolved(variables, number, image), 0.0)[:, 0]
    return _normalised(variables, number + 1, output)


def _convolved(variables: Variables, number: int, image: F64) -> F64:
    """Return the valid correlation of `[frames, bands, channels]` with a layer's kernels."""
    layer = f"conv2d_{number}" if number else "conv2d"
    kernel = variables[f"{layer}/kernel"].astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape[:2], axis=(0, 1))
    output = np.tensordot(windows, kernel, axes=((3, 4, 2), (0, 1, 2)))
    return np.asarray(output + variables[f"{layer}/bias"])


def _normalised(variables: Variables, number: int, value: F64) -> F64:
    layer = f"batch_normalization_{number}" if number else "batch_normalization"
    mean, variance = (variables[f"{layer}/moving_{name}"] for name in ("mean", "variance"))
    spread = np.sqrt(variance.astype(np.float64) + 1e-3)
    centred = (value - mean) / spread
    return np.asarray(centred * variables[f"{layer}/gamma"] + variables[f"{layer}/beta"])
