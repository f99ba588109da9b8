"""The results of a saved search as sorted ids of documents, and how changed documents change them.

100,000 ids that an owner added one after the other take some 10 kB, as their differences compress.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from services.library.search.fulltext import DocumentIds

NONE: DocumentIds = np.empty(0, np.int64)


def encode_ids(ids: DocumentIds) -> bytes:
    """Return sorted ids as the zlib-compressed differences of neighbours, 64-bit little-endian."""
    return zlib.compress(np.diff(ids, prepend=0).astype("<i8").tobytes(), 1)


def decode_ids(data: bytes) -> DocumentIds:
    """Return the ids that `encode_ids` wrote."""
    return np.cumsum(np.frombuffer(zlib.decompress(data), "<i8").astype(np.int64))


@dataclass(frozen=True, slots=True)
class Results:
    """What a saved search found, and which of it is new to its owner."""

    matches: DocumentIds
    fresh: DocumentIds


@dataclass(frozen=True, slots=True)
class NewResults:
    """New results of a saved search."""

    added: DocumentIds
    """Documents that it did not find before."""
    total: int
    new: int
    encoded: tuple[bytes, bytes] | None
    """What to store as `matches` and `fresh`; `None` if both stay."""


def apply_changes(
    before: Results, matched: DocumentIds, unmatched: DocumentIds, hidden: DocumentIds
) -> NewResults:
    """Return the results after some documents were matched again.

    Parameters
    ----------
    matched, unmatched
        The documents that match now, and those that do not.
    hidden
        Documents of hidden items. They stay in the results, though not in the numbers, so that
        restoring an item is not reported as something new.
    """
    gone = np.setdiff1d(unmatched, hidden)
    added = np.setdiff1d(matched, before.matches)
    after = np.union1d(np.setdiff1d(before.matches, gone), added)
    fresh = np.union1d(np.setdiff1d(before.fresh, gone), added)
    unchanged = np.array_equal(after, before.matches) and np.array_equal(fresh, before.fresh)
    return NewResults(
        added=added,
        total=len(np.setdiff1d(after, hidden)),
        new=len(np.setdiff1d(fresh, hidden)),
        encoded=None if unchanged else (encode_ids(after), encode_ids(fresh)),
    )
