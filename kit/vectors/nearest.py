"""Exact nearest neighbours: a matrix product and a selection."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from kit.arrays import F32
from kit.vectors.base import Neighbour, OwnedVectors
from kit.vectors.ids import Rows, unpack

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
    """Yield for each query the rows that are nearest to it, and their cosines, the closest first.

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
            yield rows, of_query[rows]


def nearest_among(
    owned: OwnedVectors, ids: Collection[str], limit: int
) -> dict[str, list[Neighbour]]:
    """Return for each of some vectors the nearest ones of all; see `VectorStore.nearest_of`."""
    known, some = unpack(owned.ids), set(ids)
    chosen = [row for row, id_ in enumerate(known) if id_ in some]
    none = np.empty(0, np.int64)
    near = nearest_rows(owned.vectors[chosen], (owned.vectors,), limit, none)
    return {
        known[row]: [
            Neighbour(known[place], min(max(1.0 - score, 0.0), 2.0))
            for place, score in zip(places.tolist(), scores.tolist(), strict=True)
        ]
        for row, (places, scores) in zip(chosen, near, strict=True)
    }


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
