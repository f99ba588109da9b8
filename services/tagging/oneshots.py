"""Classifier of one-shots: a small ensemble of neural networks with plain arrays. Numpy only.

`make train-tagging` trains it on the features of `services.tagging.descriptors`.
`weights/README.md` has its accuracy by class.
"""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from kit.arrays import F32
from services.tagging.descriptors import FEATURES, features

__all__ = ["CLASSES", "FEATURES", "Classifier", "UnreadableWeights", "features"]

CLASSES = (
    "kick",
    "snare",
    "clap",
    "rim",
    "closed_hat",
    "open_hat",
    "crash",
    "ride",
    "splash",
    "tom",
    "cowbell",
    "shaker",
    "tambourine",
    "percussion",
    "bass",
    "vocal",
    "synth",
    "loop",
)
"""The columns of the result of `Classifier.classify`."""

_CLIP = 4.0
_SHAPES = {
    "mean": ("features",),
    "scale": ("features",),
    "first": ("members", "features", "hidden"),
    "first_bias": ("members", "hidden"),
    "second": ("members", "hidden", "classes"),
    "second_bias": ("members", "classes"),
    "temperature": ("one",),
}
"""The arrays of a weights file, and their axes."""


class UnreadableWeights(ValueError):
    """A file has no valid weights of this classifier; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """An ensemble of networks with one hidden layer, whose logits are averaged.

    Attributes
    ----------
    mean, scale
        `[FEATURES]`: features are standardised by these and clipped to ±4.
    first, first_bias
        `[members, FEATURES, hidden]` and `[members, hidden]`, before a rectifier.
    second, second_bias
        `[members, hidden, classes]` and `[members, classes]`.
    temperature
        Divisor of the logits (temperature scaling: C. Guo, G. Pleiss, Y. Sun and K. Weinberger,
        "On calibration of modern neural networks", ICML 2017), fitted on held-out kits.
    """

    mean: F32
    scale: F32
    first: F32
    first_bias: F32
    second: F32
    second_bias: F32
    temperature: float

    @classmethod
    def load(cls, path: Path) -> "Classifier":
        """Read weights.

        Parameters
        ----------
        path
            A `.npz` file of plain arrays; it is never unpickled.

        Raises
        ------
        UnreadableWeights
            The file is no valid archive, or its arrays do not match these features and classes.
        """
        try:
            with path.open("rb") as stream:
                file = np.load(stream, allow_pickle=False)
                if not isinstance(file, NpzFile):
                    raise ValueError("it contains a single array without a name")
                arrays = {name: np.asarray(file[name]) for name in file.files}
        except (OSError, ValueError, EOFError, BadZipFile) as broken:
            raise UnreadableWeights(
                f"{path} cannot be read as weights of the one-shot classifier ({broken}); "
                f"run `make train-tagging` to create them again"
            ) from broken
        return cls._checked(arrays, path)

    @classmethod
    def _checked(cls, arrays: dict[str, NDArray[np.generic]], path: Path) -> "Classifier":
        def wrong(what: str) -> UnreadableWeights:
            return UnreadableWeights(
                f"{path}: {what}; run `make train-tagging` to create the weights again"
            )

        if missing := {*_SHAPES, "classes"} - set(arrays):
            raise wrong(f"it has no {', '.join(sorted(missing))}")
        if tuple(str(name) for name in arrays["classes"].ravel()) != CLASSES:
            raise wrong("its classes are not those of this version")
        sizes = {"features": FEATURES, "classes": len(CLASSES)}
        ready: dict[str, F32] = {}
        for name, axes in _SHAPES.items():
            array = arrays[name]
            if array.dtype.kind != "f" or array.ndim != len(axes):
                raise wrong(f"{name} is {array.dtype} of shape {array.shape}")
            for axis, size in zip(axes, array.shape, strict=True):
                if size < 1 or sizes.setdefault(axis, size) != size:
                    raise wrong(f"{name} has {size} {axis}, not {sizes[axis]}")
            if not np.isfinite(array).all():
                raise wrong(f"{name} has values that are not finite")
            ready[name] = array.astype(np.float32)
        if ready["temperature"][0] <= 0 or (ready["scale"] <= 0).any():
            raise wrong("the temperature and every scale must be positive")
        temperature = float(ready.pop("temperature")[0])
        return cls(temperature=temperature, **ready)

    def classify(self, features: F32) -> F32:
        """Compute calibrated class probabilities.

        Parameters
        ----------
        features
            `[sounds, FEATURES]`, from `features`.

        Returns
        -------
        F32
            `[sounds, 18]`, the columns as in `CLASSES`; each row sums to 1. A row of zeros, which
            is silence, gets the same probability for all classes.

        Raises
        ------
        ValueError
            The features have another shape.
        """
        if features.ndim != 2 or features.shape[1] != FEATURES:
            raise ValueError(f"features are [sounds, {FEATURES}], not {features.shape}")
        logits = self.logits(features)
        logits /= self.temperature
        logits[~features.any(axis=1)] = 0.0
        odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)

    def logits(self, features: F32) -> NDArray[np.float64]:
        """Return the mean of the networks' outputs, `[sounds, 18]`, before the temperature."""
        scaled = np.clip((features - self.mean) / self.scale, -_CLIP, _CLIP)
        total = np.zeros((len(features), len(CLASSES)), np.float64)
        layers = zip(self.first, self.first_bias, self.second, self.second_bias, strict=True)
        for first, first_bias, second, second_bias in layers:
            hidden = np.maximum(scaled @ first + first_bias, 0.0)
            total += hidden @ second + second_bias
        return total / len(self.first)
