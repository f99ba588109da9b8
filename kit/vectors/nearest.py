"""Exact nearest neighbours: a matrix product and a selection."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from kit.arrays import F32
from kit.vectors.base import Neighbour, OwnedVectors
from kit.vectors.ids import Ids, Rows, pack, rows_of, unpack

_BLOCK = 256
"""Scores of which only the maximum is compared at first."""
_GATHER = 1 << 13
"""Rows that are copied for one product: some megabytes."""
_SCORES = 1 << 24
"""Scores that are in memory at a time: 64 MiB."""


def scores_of(matrix: F32, query: F32, rows: Rows) -> F32:
    """Return the cosines `[len(rows)]` of some rows of a matrix with a query, all unit vectors."""
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _GATHER):
        part = slice(start, start + _GATHER)
        np.dot(matrix[rows[part]], query, out=scores[part])
    return scores


def largest(scores: F32, limit: int) -> Rows:
    """Return the positions of the largest scores, in falling order; -inf counts as absent."""
    candidates = _candidates(scores, limit)
    chosen = scores[candidates]
    if len(candidates) > limit:
        top = np.argpartition(chosen, -limit)[-limit:]
        candidates, chosen = candidates[top], chosen[top]
    order = np.argsort(-chosen, kind="stable")
    candidates, chosen = candidates[order], chosen[order]
    return candidates[np.isfinite(chosen)]


def nearest_rows(
    queries: F32, parts: Sequence[F32], limit: int, absent: Rows
) -> Iterator[tuple[Rows, F32]]:
    """Yield for each query the rows that are nearest to it, and their distances, closest first.

    One product for several queries reads the rows once for all of them.

    Parameters
    ----------
    queries
        `[queries, dimension]`, as the parts unit vectors.
    parts
        Matrices `[rows, dimension]`; rows are counted through all of them.
    absent
        Rows that are not returned.
    """
    at_once = max(1, _SCORES // max(1, sum(map(len, parts))))
    for start in range(0, len(queries), at_once):
        some = queries[start : start + at_once]
        scores = np.concatenate([some @ part.T for part in parts], axis=1)
        scores[:, absent] = -np.inf
        for of_query in scores:
            rows = largest(of_query, limit)
            yield rows, np.clip(1 - of_query[rows], 0, 2)


def nearest_among(
    owned: OwnedVectors, ids: Collection[str], limit: int
) -> dict[str, list[Neighbour]]:
    """Return for each of some vectors the nearest ones of all; see `VectorStore.nearest_of`."""
    chosen = rows_of(owned.ids, pack(list(set(ids))))
    chosen = chosen[chosen >= 0]
    none = np.empty(0, np.int64)
    near = nearest_rows(owned.vectors[chosen], (owned.vectors,), limit, none)
    return {
        id_: neighbours(owned.ids[rows], distances)
        for id_, (rows, distances) in zip(unpack(owned.ids[chosen]), near, strict=True)
    }


def neighbours(ids: Ids, distances: F32) -> list[Neighbour]:
    """Return ids `[count, 16]` with their distances."""
    return [
        Neighbour(id_, distance)
        for id_, distance in zip(unpack(ids), distances.tolist(), strict=True)
    ]


def _candidates(scores: F32, limit: int) -> Rows:
    """Return few positions among which the largest scores are.

    The maxima of `limit` blocks are `limit` different scores: none of the largest is below the
    smallest of these maxima. Finding them costs a tenth of a partition of all scores.
    """
    blocks = len(scores) // _BLOCK
    if blocks < 4 * limit:
        return np.arange(len(scores))
    whole = blocks * _BLOCK
    maxima = scores[:whole].reshape(blocks, _BLOCK).max(axis=1)
    bound = np.partition(maxima, -limit)[-limit]
    return np.flatnonzero(scores >= bound)
