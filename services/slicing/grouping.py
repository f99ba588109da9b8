"""Group hits by similarity of timbre. Pure numpy."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32, F64
from kit.signal.spectra import Framing, magnitudes, mel_bands

_EDGES = (0.0, 0.008, 0.02, 0.04, 0.08, 0.16, 0.3)
"""Seconds after the start between which spectra are averaged; finer in the attack."""
_RANGE_DB = 60.0
_ROUNDS = 3


@lru_cache(maxsize=8)
def _bank(framing: Framing) -> F32:
    return mel_bands(framing, low=40.0, high=16_000.0, bands=32)


def timbre(
    signal: F32, sample_rate: int, *, edges: tuple[float, ...] = _EDGES, hop: float = 0.004
) -> F64:
    """Compute a level-independent timbre vector from mel spectra after the attack.

    Parameters
    ----------
    signal
        `[channels, samples]` from its start.
    sample_rate
        In Hz.
    edges
        Seconds between which spectra are averaged.
    hop
        Seconds from one spectrum to the next.

    Returns
    -------
    F64
        `[(len(edges) - 1) * 32]`: levels of 32 mel bands over a range of 60 dB, mean 0, norm 1.
        The last spectrum of a shorter hit is repeated, so that its length does not count.
    """
    framing = Framing.of_seconds(sample_rate, size=0.0232, hop=hop)
    bank = _bank(framing)
    reach = round(edges[-1] * sample_rate)
    spectra = np.concatenate(list(magnitudes([signal[:, :reach]], framing)))
    power = (spectra**2) @ bank.T
    # A frame that reaches beyond the end would measure the cut, not the hit.
    whole = max(1, (min(reach, signal.shape[1]) - framing.size // 2) // framing.hop + 1)
    power = power[:whole]
    times = np.arange(power.shape[0]) / framing.rate
    steps: list[F64] = []
    for low, high in pairwise(edges):
        inside = (times >= low) & (times < high)
        steps.append(power[inside].mean(axis=0) if inside.any() else steps[-1])
    levels = 10.0 * np.log10(np.maximum(np.concatenate(steps), 1e-12))
    levels = np.maximum(levels - levels.max(), -_RANGE_DB)
    return unit(levels - levels.mean())


def unit(vectors: F64) -> F64:
    """Scale vectors to norm 1 along the last axis; zero vectors stay zero."""
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norm, 1e-12), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Grouping:
    """Groups of similar hits."""

    labels: NDArray[np.int64]
    """Group of each hit; 0 is the largest group."""
    similarity: F64
    """Similarity of each hit to its group's mean, 0 to 1."""


def group(vectors: F64, order: NDArray[np.int64], *, similarity: float) -> Grouping:
    """Cluster vectors by correlation: leader clustering, then spherical k-means.

    Each vector, in `order`, joins the group with the most similar mean, or starts a new group if
    none is similar enough; three rounds of k-means follow. The cost is linear in the hits.

    Parameters
    ----------
    vectors
        `[hits, features]`, norm 1 each.
    order
        Indices, the cleanest hit first, so that clean hits start the groups.
    similarity
        Minimum correlation of a hit with the mean of its group.
    """
    hits = vectors.shape[0]
    if not hits:
        return Grouping(np.zeros(0, np.int64), np.zeros(0))
    sums = np.zeros_like(vectors)
    count = 0
    for hit in order:
        if count:
            likeness = unit(sums[:count]) @ vectors[hit]
            nearest = int(np.argmax(likeness))
            if likeness[nearest] >= similarity:
                sums[nearest] += vectors[hit]
                continue
        sums[count] = vectors[hit]
        count += 1
    means = unit(sums[:count])
    labels = np.zeros(hits, np.int64)
    for _ in range(_ROUNDS):
        labels = np.argmax(vectors @ means.T, axis=1)
        sums = np.zeros_like(means)
        np.add.at(sums, labels, vectors)
        used = np.unique(labels)
        means = unit(sums[used])
    labels = np.argmax(vectors @ means.T, axis=1)
    likeness = np.clip(np.sum(vectors * means[labels], axis=1), 0.0, 1.0)
    present, sizes = np.unique(labels, return_counts=True)
    ranks = {
        int(present[index]): rank for rank, index in enumerate(np.argsort(-sizes, kind="stable"))
    }
    return Grouping(np.array([ranks[int(label)] for label in labels], np.int64), likeness)
