"""Which hits sound alike, and which of them is the best. Pure numpy."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32, F64
from kit.signal.spectra import Framing, magnitudes, mel_bands

_EDGES = (0.0, 0.008, 0.02, 0.04, 0.08, 0.16, 0.3)
"""Seconds after the start between which spectra are averaged: the attack finely, the tail less."""
_RANGE_DB = 60.0
_ROUNDS = 3


@lru_cache(maxsize=8)
def _bank(framing: Framing) -> F32:
    return mel_bands(framing, low=40.0, high=16_000.0, bands=32)


def timbre(
    signal: F32, sample_rate: int, *, edges: tuple[float, ...] = _EDGES, hop: float = 0.004
) -> F64:
    """Return what a hit sounds like, whatever its level.

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
        `[(len(edges) - 1) * 32]`: levels of 32 mel bands in dB over 60 dB, mean 0, norm 1. A hit
        that is cut off is taken to stay as it was: where it ended says nothing of its sound.
    """
    framing = Framing.of_seconds(sample_rate, size=0.0232, hop=hop)
    bank = _bank(framing)
    reach = round(edges[-1] * sample_rate)
    spectra = np.concatenate(list(magnitudes([signal[:, :reach]], framing)))
    power = (spectra**2) @ bank.T
    # A frame that reaches over the end would hear the cut, not the hit.
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
    """Return vectors scaled to norm 1 along the last axis; zeros stay."""
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norm, 1e-12), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Grouping:
    """Groups of things that sound alike."""

    labels: NDArray[np.int64]
    """Group of each; the largest group is 0."""
    similarity: F64
    """Of each to its group's mean, 0 to 1."""


def group(vectors: F64, order: NDArray[np.int64], *, similarity: float) -> Grouping:
    """Group vectors by their correlation.

    Each vector, in the order given, joins the group whose mean it is most like, or founds one
    where none is alike enough; then means and memberships are settled in three rounds (leader
    clustering followed by k-means on the sphere), so the cost is linear in the hits.

    Parameters
    ----------
    vectors
        `[hits, features]`, norm 1 each.
    order
        The cleanest first: groups are founded by good examples.
    similarity
        Correlation from which a hit belongs to a group.
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
