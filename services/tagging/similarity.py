"""Vectors of samples for the search by similarity: a learnt projection of descriptors. Numpy only.

`python -m tools.train_similarity` learns it on labelled kits; `docs/similarity.md` has its figures.
"""

import base64
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from contracts.tagging import SoundVector, VectorSpace
from kit.arrays import F32
from services.tagging.descriptors import FEATURES
from services.tagging.oneshots import UnreadableWeights

CLIP = 4.0
"""Standard deviations to which a descriptor is clipped."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Whitened linear discriminant analysis.

    Attributes
    ----------
    mean, scale
        `[FEATURES]`: descriptors are standardised by these and clipped to ±4.
    centre
        `[FEATURES]`: the mean of the clipped descriptors.
    matrix
        `[FEATURES, dimension]`.
    version
        Names these weights: vectors of other weights cannot be compared with theirs.
    """

    mean: F32
    scale: F32
    centre: F32
    matrix: F32
    version: str = "unnamed"

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return int(self.matrix.shape[1])

    @classmethod
    def load(cls, path: Path) -> "Projection":
        """Read weights.

        Parameters
        ----------
        path
            A `.npz` file of plain arrays; it is never unpickled.

        Raises
        ------
        UnreadableWeights
            The file is no valid archive, or its arrays do not match the descriptors.
        """
        try:
            data = path.read_bytes()
            with io.BytesIO(data) as stream:
                file = np.load(stream, allow_pickle=False)
                if not isinstance(file, NpzFile):
                    raise ValueError("it contains a single array without a name")
                arrays = {
                    name: np.asarray(file[name], np.float32)
                    for name in ("mean", "scale", "centre", "matrix")
                }
        except (OSError, ValueError, EOFError, KeyError, BadZipFile) as broken:
            raise UnreadableWeights(
                f"{path} cannot be read as a projection of descriptors ({broken}); "
                "run `make train-similarity` to create it again"
            ) from broken
        of_features = all(arrays[name].shape == (FEATURES,) for name in ("mean", "scale", "centre"))
        matrix = arrays["matrix"]
        if not of_features or matrix.ndim != 2 or len(matrix) != FEATURES:
            raise UnreadableWeights(
                f"{path} does not fit {FEATURES} descriptors; run `make train-similarity` again"
            )
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise UnreadableWeights(f"{path} has values that are not finite")
        return cls(**arrays, version=f"kits-{hashlib.sha256(data).hexdigest()[:8]}")

    def apply(self, features: F32) -> F32:
        """Return unit vectors, `[sounds, dimension]`, of descriptors `[sounds, FEATURES]`.

        Sounds are compared by the cosine of their vectors. A sound whose descriptors are the mean
        of all has no direction; its vector is zero.
        """
        scaled = np.clip((features - self.mean) / self.scale, -CLIP, CLIP) - self.centre
        return unit_rows(np.asarray(scaled @ self.matrix, np.float64))


def unit_rows(vectors: NDArray[np.float64]) -> F32:
    """Return vectors `[count, dimension]` scaled to unit length; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def encode_vector(
    space: VectorSpace, version: str, vector: NDArray[np.generic]
) -> SoundVector | None:
    """Return a vector `[dimension]` as `tags.json` holds it, or `None` if it has no direction."""
    unit = unit_rows(np.asarray(vector, np.float64)[None])[0]
    if not unit.any() or not np.isfinite(unit).all():
        return None
    data = base64.b64encode(unit.astype("<f2").tobytes()).decode()
    return SoundVector(space=space, version=version, data=data)
