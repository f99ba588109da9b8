"""UUIDs as arrays of 16 bytes, and the row of each: a million take 12 MB next to the ids."""

from collections.abc import Collection
from typing import Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint8]
"""UUIDs, `[count, 16]`."""
Rows = NDArray[np.int64]
"""Numbers of rows, `[count]`; -1 is none."""
_TEXT = 36
_ODD = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ divided by the golden ratio (Knuth, multiplicative hashing)."""


def pack(ids: Collection[str]) -> Ids:
    """Return UUIDs as bytes `[count, 16]`.

    Raises
    ------
    ValueError
        One of them is not a UUID of 36 characters in lower case.
    """
    digits = "".join(ids).replace("-", "")
    if not set(map(len, ids)) <= {_TEXT} or len(digits) != 32 * len(ids):
        raise ValueError("an id is not a UUID")
    if digits != digits.lower():
        raise ValueError("an id is not in lower case")
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        raise ValueError("an id is not a UUID") from None
    return np.frombuffer(data, np.uint8).reshape(-1, 16)


def unpack(ids: Ids) -> list[str]:
    """Return UUIDs as text."""
    return [str(UUID(bytes=bytes(id_))) for id_ in ids]


def rows_of(ids: Ids, requested: Ids) -> Rows:
    """Return the row of each requested id among `ids`, -1 for those that are absent."""
    if not len(ids) or not len(requested):
        return np.full(len(requested), -1, np.int64)
    return IdIndex.build(ids, np.arange(len(ids))).find(requested, ids)


class IdIndex:
    """Finds the row of an id by binary search over sorted 64-bit hashes; never changed in place.

    It does not hold the ids themselves: `find` compares with those of the rows it proposes.
    """

    def __init__(self, hashes: NDArray[np.uint64], rows: NDArray[np.uint32]) -> None:
        self._hashes = hashes
        self._rows = rows

    @classmethod
    def build(cls, ids: Ids, rows: Rows) -> Self:
        """Index ids by their rows; no id may occur twice."""
        hashes = _hash(ids)
        order = np.argsort(hashes)
        return cls(hashes[order], rows[order].astype(np.uint32))

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self._hashes.nbytes + self._rows.nbytes

    def find(self, ids: Ids, all_ids: Ids) -> Rows:
        """Return the row of each id, -1 if it is not indexed.

        Parameters
        ----------
        ids
            What to find, `[count, 16]`.
        all_ids
            The ids of all rows, `[rows, 16]`.
        """
        return self._locate(ids, all_ids)[0]

    def updated(self, ids: Ids, rows: Rows, all_ids: Ids) -> Self:
        """Return an index in which these ids, each named once, have these rows."""
        known, positions = self._locate(ids, all_ids)
        is_known = known >= 0
        own_rows = self._rows
        if is_known.any():
            own_rows = own_rows.copy()
            own_rows[positions[is_known]] = rows[is_known]
        hashes, added = _hash(ids[~is_known]), rows[~is_known]
        order = np.argsort(hashes)
        at = np.searchsorted(self._hashes, hashes[order])
        return type(self)(
            np.insert(self._hashes, at, hashes[order]),
            np.insert(own_rows, at, added[order].astype(np.uint32)),
        )

    def _locate(self, ids: Ids, all_ids: Ids) -> tuple[Rows, Rows]:
        """Return rows, and positions in the sorted hashes, of ids."""
        hashes = _hash(ids)
        positions = np.empty(len(ids), np.int64)
        order = np.argsort(hashes)  # Sorted ones are found four times as fast.
        positions[order] = np.searchsorted(self._hashes, hashes[order])
        rows = np.full(len(ids), -1, np.int64)
        pending = np.arange(len(ids))
        while len(pending):
            # Different ids may share a hash: they lie next to each other.
            pending = pending[positions[pending] < len(self._hashes)]
            pending = pending[self._hashes[positions[pending]] == hashes[pending]]
            candidates = self._rows[positions[pending]]
            equal = (all_ids[candidates] == ids[pending]).all(axis=1)
            rows[pending[equal]] = candidates[equal]
            pending = pending[~equal]
            positions[pending] += 1
        return rows, positions


def _hash(ids: Ids) -> NDArray[np.uint64]:
    halves = np.ascontiguousarray(ids).view("<u8")
    hashes: NDArray[np.uint64] = halves[:, 0] * _ODD ^ halves[:, 1]
    return hashes
