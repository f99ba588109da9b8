"""Linear discriminant analysis of sounds that are known to be alike."""

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32, F64
from services.tagging.similarity import CLIP, Projection

DIMENSION = 64
"""Components of a vector."""
SHRINKAGE = 0.1
"""Share of the identity in the scatter within groups (Ledoit and Wolf's form, with a fixed share):
some groups have few sounds, and descriptors depend on each other."""
Groups = NDArray[np.generic]
"""Which sounds belong together, `[rows]`."""


def fit(
    features: F32,
    instruments: Groups,
    classes: Groups,
    *,
    by_class: float = 0.0,
    dimension: int = DIMENSION,
    shrinkage: float = SHRINKAGE,
) -> Projection:
    """Learn a projection in which sounds of one instrument are close to each other.

    Parameters
    ----------
    features
        Descriptors of sounds and of variations of them, `[rows, features]`.
    instruments
        The instrument of each row: its layers and variations differ in what similarity ignores.
    classes
        The sound class of each row.
    by_class
        Weight of the scatter within classes, 0 to 1; the rest is that within instruments.
    dimension
        Components of the result, at most the number of features.
    shrinkage
        Share of the identity in the scatter within groups, 0 to 1.

    Notes
    -----
    R. A. Fisher's discriminant analysis, as whitening within groups and principal components of
    what is left: A. Hatch, S. Kajarekar and A. Stolcke, "Within-class covariance normalization for
    SVM-based speaker recognition", Interspeech 2006.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64) + 1e-3
    scaled = np.clip((features - mean) / scale, -CLIP, CLIP)
    centre = scaled.mean(axis=0)
    scaled = scaled - centre
    within = (1 - by_class) * _scatter(scaled, instruments) + by_class * _scatter(scaled, classes)
    size = within.shape[0]
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / size * np.eye(size)
    values, vectors = np.linalg.eigh(within)
    whitening = vectors / np.sqrt(values)
    # Each instrument counts once, however many layers and variations it has.
    middles = _means(scaled @ whitening, instruments)
    _, directions = np.linalg.eigh(np.cov(middles.T))
    matrix = whitening @ directions[:, ::-1][:, :dimension]
    return Projection(*(np.asarray(array, np.float32) for array in (mean, scale, centre, matrix)))


def _means(rows: F64, groups: Groups) -> F64:
    return np.stack([rows[groups == group].mean(axis=0) for group in np.unique(groups)])


def _scatter(rows: F64, groups: Groups) -> F64:
    """Return the mean covariance within groups; each counts by the root of its size."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    weights = 0.0
    for group in np.unique(groups):
        members = rows[groups == group]
        if len(members) < 2:
            continue
        centred = members - members.mean(axis=0)
        weight = len(members) ** 0.5
        total += weight * (centred.T @ centred) / len(members)
        weights += weight
    return total / max(weights, 1.0)
