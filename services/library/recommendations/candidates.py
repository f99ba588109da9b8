"""Candidates: the sounds that fit a taste best, in the order in which they are recommended."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.maps import NO_CLASS
from contracts.recommendations import MAX_DISTANCE, MAX_STORED, ReasonKind
from kit.arrays import F32
from kit.vectors.base import OwnedVectors, Space
from kit.vectors.ids import Ids, Rows, rows_of
from services.library.recommendations.scoring import (
    ALIKE,
    Taste,
    arrange,
    best_of_groups,
    score,
)
from services.library.search.classes import ItemClasses

KINDS = tuple(ReasonKind)
"""The kinds of reasons by their numbers in stored candidates."""
SAME = 0.0005
"""Distance up to which two vectors are of the same sound: half precision rounds them."""
DTYPE = np.dtype(
    [
        ("item", "u1", 16),
        ("example", "u1", 16),
        ("collection", "u1", 16),
        ("distance", "<f4"),
        ("alike", "<u2"),
        ("kind", "u1"),
    ]
)
"""A stored candidate: ids are UUIDs, zeros for no collection; see `RecommendationReason`."""
Candidates = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class LikedSounds:
    """Liked sounds, `[examples]` each.

    Attributes
    ----------
    ids
        Items, `[examples, 16]`.
    kinds
        Places in `KINDS`.
    collections
        The collection of those that are liked for being in one, otherwise zeros, `[examples, 16]`.
    weights
        How much each counts, over 0 and up to 1.
    """

    ids: Ids
    kinds: NDArray[np.uint8]
    collections: Ids
    weights: F32


@dataclass(frozen=True, slots=True)
class _Scored:
    """Sounds of one space and how well they fit, `[sounds]` each.

    Attributes
    ----------
    groups
        The class and the space as one number.
    examples
        The places of the nearest examples among all.
    liked
        The places of the examples of this space, `[examples of the space]`.
    liked_rows
        Their rows in the space.
    liked_groups
        Their groups.
    """

    owned: OwnedVectors
    rows: Rows
    values: F32
    groups: Rows
    examples: Rows
    distances: F32
    liked: Rows
    liked_rows: Rows
    liked_groups: Rows


def choose(
    crate: Mapping[Space, OwnedVectors],
    examples: LikedSounds,
    excluded: Ids,
    classes: ItemClasses,
    *,
    among: Ids | None = None,
) -> tuple[Candidates, int]:
    """Return the candidates in their order, and how many examples have a vector.

    Parameters
    ----------
    crate
        All vectors of the owner by space.
    excluded
        Items that are not recommended; examples never are.
    classes
        Classes of the owner's items that are not hidden; only these are examples or recommended.
    among
        Only these items.
    """
    refused = np.concatenate((excluded, examples.ids))
    spaces = []
    visible = rows_of(classes.ids, examples.ids) >= 0
    for number, owned in enumerate(crate.values()):
        rows = np.where(visible, rows_of(owned.ids, examples.ids), -1)
        if (rows >= 0).any():
            mask = np.ones(len(owned.ids), np.bool_)
            if among is not None:
                mask[:] = False
                mask[_present(owned.ids, among)] = True
            mask[_present(owned.ids, refused)] = False
            spaces.append(_score(number, owned, examples, rows, np.flatnonzero(mask), classes))
    known = sum(len(space.liked) for space in spaces)
    if not any(len(space.rows) for space in spaces):
        return np.empty(0, DTYPE), known
    values = np.concatenate([space.values for space in spaces])
    groups, mix = _mix(spaces, examples)
    pool = best_of_groups(values, groups, mix, MAX_STORED)
    matrix, candidates = _describe(spaces, pool, examples)
    order = arrange(values[pool], matrix, groups[pool], mix)
    return candidates[order], known


def _present(ids: Ids, requested: Ids) -> Rows:
    rows = rows_of(ids, requested)
    return rows[rows >= 0]


def _score(
    number: int,
    owned: OwnedVectors,
    examples: LikedSounds,
    example_rows: Rows,
    rows: Rows,
    classes: ItemClasses,
) -> _Scored:
    liked = np.flatnonzero(example_rows >= 0)
    liked_rows = example_rows[liked]
    places = rows_of(classes.ids, owned.ids[rows])
    rows, places = rows[places >= 0], places[places >= 0]
    fits = score(Taste(owned.vectors[liked_rows], examples.weights[liked]), owned.vectors, rows)
    other = np.flatnonzero((fits.distances > SAME) & (fits.distances <= MAX_DISTANCE))
    of_liked = rows_of(classes.ids, examples.ids[liked])
    class_of = classes.classes.astype(np.int64) + (NO_CLASS + 1) * number
    return _Scored(
        owned,
        rows[other],
        fits.values[other],
        class_of[places[other]],
        liked[fits.nearest[other]],
        fits.distances[other],
        liked,
        liked_rows,
        class_of[of_liked],
    )


def _mix(spaces: list[_Scored], examples: LikedSounds) -> tuple[Rows, NDArray[np.float64]]:
    """Return the group of each sound, counted from 0, and the share of each group in the taste."""
    liked = np.concatenate([space.liked_groups for space in spaces])
    weights = np.concatenate([examples.weights[space.liked] for space in spaces])
    of_sounds = np.concatenate([space.groups for space in spaces])
    names, numbers = np.unique(np.concatenate((liked, of_sounds)), return_inverse=True)
    mix = np.bincount(numbers[: len(liked)], weights, minlength=len(names))
    return numbers[len(liked) :], mix / mix.sum()


def _describe(spaces: list[_Scored], pool: Rows, examples: LikedSounds) -> tuple[F32, Candidates]:
    """Return the vectors of chosen sounds, and what is stored of them.

    Each space has components of its own in the vectors: sounds of two spaces are never alike.
    """
    matrix = np.zeros((len(pool), sum(s.owned.vectors.shape[1] for s in spaces)), np.float32)
    candidates = np.zeros(len(pool), DTYPE)
    first = component = 0
    for space in spaces:
        width = space.owned.vectors.shape[1]
        here = np.flatnonzero((pool >= first) & (pool < first + len(space.rows)))
        at = pool[here] - first
        vectors = space.owned.vectors[space.rows[at]]
        matrix[here, component : component + width] = vectors
        nearest = space.examples[at]
        candidates["item"][here] = space.owned.ids[space.rows[at]]
        candidates["example"][here] = examples.ids[nearest]
        candidates["collection"][here] = examples.collections[nearest]
        candidates["kind"][here] = examples.kinds[nearest]
        candidates["distance"][here] = space.distances[at]
        close = 1.0 - vectors @ space.owned.vectors[space.liked_rows].T <= ALIKE
        # Of a collection only its own sounds are counted: others have zeros there.
        own = np.equal(
            examples.collections[nearest][:, None], examples.collections[space.liked][None]
        ).all(axis=2)
        of_collection = np.any(examples.collections[nearest], axis=1, keepdims=True)
        candidates["alike"][here] = (close & (own | ~of_collection)).sum(axis=1)
        first += len(space.rows)
        component += width
    return matrix, candidates
