"""Layouts: vectors in two dimensions, by t-SNE, and how faithful they are.

van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008), as openTSNE computes it with
interpolation (Linderman et al., 2019). Beyond `LANDMARKS` sounds a random choice is laid out, and
the others are placed among their nearest of it, as new sounds are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32, F64

LANDMARKS = 20_000
"""Sounds that t-SNE lays out at most: it takes a minute of one processor for these."""
NEIGHBOURS = 5
"""Nearest sounds among which another one is placed."""
_MIN_TSNE = 10
"""Fewer sounds are laid out by their principal components."""
_PERPLEXITY = 30.0
_ITERATIONS = 500
_MARGIN = 0.02
"""Room around the layout, of the unit square."""
_BLOCK = 500
"""Sounds that are compared with all others at a time."""
_CLOSEST = 1e-4
"""Distances below this count as this, so that a copy lands on its original."""
_TRUST_NEIGHBOURS = 15
_TRUST_SAMPLE = 1000


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of sounds.

    Attributes
    ----------
    places
        In the unit square, `[count, 2]`.
    trustworthiness
        0 to 1; `None` for too few sounds.
    """

    places: F64
    trustworthiness: float | None


def lay_out(vectors: F32, *, seed: int, threads: int = 1, landmarks: int = LANDMARKS) -> Layout:
    """Return a layout of unit vectors `[count, dimension]`.

    Parameters
    ----------
    seed
        With the same vectors and one thread, the layout is the same.
    threads
        Processors to use.
    landmarks
        How many sounds t-SNE lays out at most.
    """
    chance = np.random.default_rng(seed)
    count = len(vectors)
    if count <= landmarks:
        places = _fit(vectors, seed, threads)
    else:
        chosen = np.sort(chance.choice(count, landmarks, replace=False))
        others = np.setdiff1d(np.arange(count), chosen)
        places = np.empty((count, 2))
        places[chosen] = _fit(vectors[chosen], seed, threads)
        places[others] = place(vectors[others], vectors[chosen], places[chosen])
    return Layout(into_square(places), trustworthiness(vectors, places, chance))


def into_square(places: F64) -> F64:
    """Return places `[count, 2]` scaled alike in both directions and centred in the unit square."""
    if not len(places):
        return places
    low, high = places.min(axis=0), places.max(axis=0)
    extent = float((high - low).max()) or 1.0
    scaled: F64 = 0.5 + (places - (low + high) / 2) / extent * (1 - 2 * _MARGIN)
    return scaled


def place(vectors: F32, known: F32, places: F64) -> F64:
    """Return places of sounds among those that have one.

    Parameters
    ----------
    vectors
        What to place, unit vectors `[count, dimension]`.
    known
        Vectors of sounds with places, at least one, `[known, dimension]`.
    places
        Their places, `[known, 2]`.

    Returns
    -------
    places
        Means of the places of the `NEIGHBOURS` nearest, each weighted by the inverse of its
        distance, `[count, 2]`.
    """
    answer = np.empty((len(vectors), 2))
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        nearest = Nearest.none(len(block)).among(block @ known.T, places)
        answer[start : start + _BLOCK] = nearest.mean()
    return answer


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest sounds with places found so far of each of some sounds.

    Attributes
    ----------
    distances
        1 − cosine, infinite where there is none yet, `[count, NEIGHBOURS]`.
    places
        `[count, NEIGHBOURS, 2]`.
    """

    distances: F64
    places: F64

    @classmethod
    def none(cls, count: int) -> "Nearest":
        """Return the beginning of a search."""
        return cls(np.full((count, NEIGHBOURS), np.inf), np.zeros((count, NEIGHBOURS, 2)))

    def among(self, cosines: F32, places: F64) -> "Nearest":
        """Return the nearest of those found and of further ones.

        Parameters
        ----------
        cosines
            Of each sound with each further one, `[count, further]`.
        places
            The places of the further ones, `[further, 2]`.
        """
        kept = min(NEIGHBOURS, cosines.shape[1])
        top = np.argpartition(-cosines, kept - 1, axis=1)[:, :kept]
        fresh = 1.0 - np.take_along_axis(cosines, top, axis=1).astype(np.float64)
        distances = np.concatenate((self.distances, fresh), axis=1)
        points = np.concatenate((self.places, places[top]), axis=1)
        order = np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]
        return Nearest(
            np.take_along_axis(distances, order, axis=1),
            np.take_along_axis(points, order[:, :, None], axis=1),
        )

    def mean(self) -> F64:
        """Return the weighted mean of the places found, `[count, 2]`."""
        weights = 1.0 / np.maximum(self.distances, _CLOSEST)
        means: F64 = (weights[:, :, None] * self.places).sum(axis=1) / weights.sum(axis=1)[:, None]
        return means


def trustworthiness(vectors: F32, places: F64, chance: np.random.Generator) -> float | None:
    """Return how far neighbours by place are neighbours by sound; 1 if all are.

    Of at most 1000 random sounds and 15 neighbours each, with cosines as similarities: Venna and
    Kaski, "Neighborhood preservation in nonlinear projection methods" (2001).

    Returns
    -------
    share
        `None` for fewer than 32 sounds, of which 15 neighbours say nothing.
    """
    count, near = len(vectors), _TRUST_NEIGHBOURS
    if count < 2 * near + 2:
        return None
    chosen = chance.choice(count, min(count, _TRUST_SAMPLE), replace=False)
    penalty = 0
    for row in chosen:
        distances = ((places - places[row]) ** 2).sum(axis=1)
        distances[row] = np.inf
        neighbours = np.argpartition(distances, near)[:near]
        cosines = vectors @ vectors[row]
        cosines[row] = np.inf
        # The rank of a neighbour: how many are nearer by sound, itself included.
        ordered = np.sort(-cosines)
        ranks = np.searchsorted(ordered, -cosines[neighbours])
        penalty += int(np.maximum(ranks - near, 0).sum())
    worst = len(chosen) * near * (2 * count - 3 * near - 1)
    return max(0.0, 1.0 - 2.0 * penalty / worst)


def _fit(vectors: F32, seed: int, threads: int) -> F64:
    count = len(vectors)
    if count < _MIN_TSNE:
        return principal(vectors)
    from openTSNE import TSNE

    embedding: Any = TSNE(
        perplexity=min(_PERPLEXITY, (count - 1) / 3),
        n_iter=_ITERATIONS,
        metric="euclidean",
        initialization=_initial(vectors),
        n_jobs=threads,
        random_state=seed,
    ).fit(vectors)
    return np.asarray(embedding, np.float64)


def _initial(vectors: F32) -> F64:
    """Return the beginning of t-SNE: principal components, scaled as openTSNE expects them.

    Kobak and Berens, "The art of using t-SNE for single-cell transcriptomics" (2019).
    """
    places = principal(vectors)
    deviation = float(places[:, 0].std())
    scaled: F64 = places * (1e-4 / deviation if deviation > 0 else 1.0)
    # Equal sounds would stay on one point, as no force parts them.
    jitter: NDArray[np.float64] = np.random.default_rng(0).normal(0, 1e-6, places.shape)
    return scaled + jitter


def principal(vectors: F32) -> F64:
    """Return the first two principal components of vectors, `[count, 2]`."""
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2))
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    first = axes[:, ::-1][:, :2]
    # The sign of an axis is arbitrary: its largest component is positive.
    first = first * np.sign(first[np.abs(first).argmax(axis=0), range(first.shape[1])])
    places = np.zeros((len(vectors), 2))
    places[:, : first.shape[1]] = centred @ first
    return places
