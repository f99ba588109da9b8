"""How well sounds fit a taste, and the order in which they are recommended.

A taste is a set of liked sounds, the examples. The fit of a sound is a kernel density estimate over
the examples (E. Parzen, "On estimation of a probability density function and mode", 1962): a sound
that lies close to several liked sounds fits better than one that lies close to their mean, which
may be a place where no liked sound is. The order is chosen one by one: next is the sound that fits
well, is unlike those before it (maximal marginal relevance: J. Carbonell and J. Goldstein, "The use
of MMR", SIGIR 1998), and is of a class that so far has less than its share among the examples
(calibration: H. Steck, "Calibrated recommendations", RecSys 2018).
"""

from dataclasses import dataclass

import numpy as np

from kit.arrays import F32, F64
from kit.vectors.ids import Rows

WIDTH = 0.05
"""Distance at which an example counts e times less. This and the next two constants were chosen on
kits that the tables of `make bench-recommendations` leave out."""
VARIETY = 0.3
"""What the greatest cosine to a sound before it costs in the order; the fit of all is 0 to 1."""
CALIBRATION = 0.1
"""What it counts in the order that a class has one sound fewer than its share."""
ALIKE = 0.3
"""Distance up to which a sound is called like an example."""
_BLOCK = 512
"""Sounds that are compared with all examples at a time."""


@dataclass(frozen=True, slots=True)
class Taste:
    """Liked sounds of one vector space.

    Attributes
    ----------
    vectors
        Of unit length, `[examples, dimension]`.
    weights
        How much each counts, over 0 and up to 1, `[examples]`.
    """

    vectors: F32
    weights: F32


@dataclass(frozen=True, slots=True)
class Fits:
    """How well sounds fit a taste, `[sounds]` each.

    Attributes
    ----------
    values
        The fit: the logarithm of the weighted mean of exp(-distance / `WIDTH`), at most 0.
    nearest
        The example that is nearest.
    distances
        1 − cosine of the nearest example, 0 to 2.
    """

    values: F32
    nearest: Rows
    distances: F32


def score(taste: Taste, vectors: F32, rows: Rows | None = None) -> Fits:
    """Return how well sounds fit a taste.

    Parameters
    ----------
    vectors
        Of unit length and of the taste's space, `[all sounds, dimension]`.
    rows
        Which of them to score, `[sounds]`; all by default.
    """
    # Copied in blocks: a copy of a whole crate would keep other threads waiting.
    rows = np.arange(len(vectors)) if rows is None else rows
    count = len(rows)
    values, distances = np.empty(count, np.float32), np.empty(count, np.float32)
    nearest = np.empty(count, np.int64)
    shares = np.log(taste.weights / taste.weights.sum()).astype(np.float32)
    examples = np.ascontiguousarray(taste.vectors.T, np.float32)
    for start in range(0, count, _BLOCK):
        part = slice(start, start + _BLOCK)
        # One array, changed in place: what fits into the processor's cache is not read again.
        terms = np.asarray(vectors[rows[part]], np.float32) @ examples
        nearest[part] = terms.argmax(axis=1)
        distances[part] = 1.0 - np.take_along_axis(terms, nearest[part][:, None], axis=1)[:, 0]
        terms -= 1.0
        terms *= np.float32(1.0 / WIDTH)
        terms += shares
        top = terms.max(axis=1)
        terms -= top[:, None]
        np.exp(terms, out=terms)
        values[part] = top + np.log(terms.sum(axis=1))
    np.clip(distances, 0.0, 2.0, out=distances)
    return Fits(values, nearest, distances)


def best_of_groups(values: F32, groups: Rows, mix: F64, limit: int) -> Rows:
    """Return the sounds that fit best, and of each group at least its share if it has so many.

    Parameters
    ----------
    values
        Fits, `[sounds]`.
    groups
        Numbers of groups, such as classes, `[sounds]`.
    mix
        Share of each group among the examples, `[groups]`.
    limit
        Sounds to return, the best first.
    """
    order = np.argsort(-values, kind="stable")
    quotas = np.floor(mix * limit).astype(np.int64)
    kept = np.zeros(len(order), np.bool_)
    for group in np.flatnonzero(quotas):
        kept[np.flatnonzero(groups[order] == group)[: quotas[group]]] = True
    # What the groups leave free goes to those that fit best.
    chosen = np.concatenate((np.flatnonzero(kept), np.flatnonzero(~kept)))[:limit]
    return np.asarray(order[np.sort(chosen)], np.int64)


def arrange(values: F32, vectors: F32, groups: Rows, mix: F64) -> Rows:
    """Return the order in which sounds are recommended: fitting, varied, and calibrated.

    Parameters
    ----------
    values
        Fits, `[sounds]`.
    vectors
        Of unit length, `[sounds, components]`.
    groups
        Numbers of groups, such as classes, `[sounds]`.
    mix
        Share of each group among the examples, `[groups]`.
    """
    count = len(values)
    # As shares of the range that they have here, so that they compare with cosines.
    spread = float(np.ptp(values)) if count else 0.0
    fits = (values - values.min()) / spread if spread > 0 else np.zeros(count)
    alike, left = np.zeros(count), np.zeros(count)
    counts = np.zeros(len(mix))
    order = np.empty(count, np.int64)
    for place in range(count):
        behind = np.clip(mix * (place + 1) - counts, -1.0, 1.0)
        chosen = int(np.argmax(fits - VARIETY * alike + CALIBRATION * behind[groups] + left))
        order[place] = chosen
        left[chosen] = -np.inf
        counts[groups[chosen]] += 1
        np.maximum(alike, vectors @ vectors[chosen], out=alike)
    return order
