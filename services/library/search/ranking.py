"""The order of results, and the place in it where a page begins."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.search import SearchQuery, Sort, SortField, Term
from services.library.search.columns import Columns, Mask
from services.library.search.cursors import SearchCursor, encode_cursor
from services.library.search.filters import sound_word_mask
from services.library.search.fulltext import DocumentIds

MAX_RANKED = 5000
"""Results up to which relevance is computed; more are sorted by time, newest first."""


@dataclass(frozen=True, slots=True)
class Near:
    """Documents that sound like something.

    Parameters
    ----------
    ids
        Documents, `[results]`.
    distances
        By which they are ordered, `[results]`.
    vector_distances
        1 − cosine, `[results]`.
    """

    ids: DocumentIds
    distances: NDArray[np.float64]
    vector_distances: NDArray[np.float64]

    def distances_of(self, ids: DocumentIds) -> NDArray[np.float32]:
        """Return the distances of some of these documents, in their order."""
        order = np.argsort(self.ids)
        places = order[np.searchsorted(self.ids, ids, sorter=order)]
        return self.distances[places].astype(np.float32)

    @classmethod
    def nothing(cls) -> "Near":
        """Return no documents."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class Ranking:
    """Results in order.

    Parameters
    ----------
    sort
        The order.
    ids
        Documents, `[results]`.
    keys
        What sorts them in ascending order, `[results]`. Of a name this is its rank among all
        names.
    """

    sort: Sort
    ids: DocumentIds
    keys: NDArray[np.float64]

    def place_after(self, cursor: SearchCursor) -> int:
        """Return the position of the first result after a cursor's row, by sort key and id."""
        known = ~np.isnan(self.keys)
        if cursor.key is None:
            after = ~known & (self.ids < cursor.id)
        else:
            key = float(cursor.key)
            after = ~known | (self.keys > key) | ((self.keys == key) & (self.ids < cursor.id))
        return int(np.argmax(after)) if after.any() else len(after)

    def cursor_at(self, place: int) -> str | None:
        """Return the cursor of the results from a position on, if there are any."""
        if not 0 < place < len(self.ids):
            return None
        key = float(self.keys[place - 1])
        return encode_cursor(SearchCursor(self.sort, key, int(self.ids[place - 1])))


def by_column(columns: Columns, mask: Mask, sort: Sort) -> Ranking:
    """Return the matching documents sorted by a column."""
    order = columns.order(sort.field, descending=sort.descending)
    places = order[mask[order]]
    keys = columns.sort_keys(sort.field, descending=sort.descending)[places]
    return Ranking(sort, columns.ids[places], keys.astype(np.float64))


def by_name(columns: Columns, mask: Mask, sort: Sort, named: DocumentIds) -> Ranking:
    """Return the matching documents in the order of all documents' names, `named`."""
    ranks = np.flatnonzero(np.isin(named, columns.ids[mask], assume_unique=True))
    if sort.descending:
        ranks = ranks[::-1]
    keys = ranks.astype(np.float64)
    return Ranking(sort, named[ranks], -keys if sort.descending else keys)


def by_relevance(
    columns: Columns,
    mask: Mask,
    terms: Iterable[Term],
    ids: DocumentIds,
    ranks: NDArray[np.float64],
) -> Ranking:
    """Return the matching documents, those first whose words and classes match best.

    Parameters
    ----------
    terms
        The terms that results may have.
    ids, ranks
        How well documents match the words, `[documents]` each. Relative to the best one they are
        added to the confidence with which a document has the class that a word names.
    """
    places = np.flatnonzero(mask)
    scores = np.zeros(columns.size)
    if len(ids) and ranks.max() > 0:
        # `ids` are results, so the columns have all of them.
        scores[columns.places(ids)] = ranks / ranks.max()
    for term in terms:
        scores += _other_meaning(columns, term)
    keys = -scores[places]
    # The newest of equal results first.
    order = np.lexsort((-columns.ids[places], keys))
    return Ranking(Sort(), columns.ids[places[order]], keys[order])


def _other_meaning(columns: Columns, term: Term) -> NDArray[np.float64]:
    """Return how well each document fits what a term means besides its words, 0 to 1."""
    scores = np.zeros(columns.size)
    for sound_class in term.classes:
        code = columns.codes["sound_class"].find(sound_class.value)
        if code is not None:
            confidence = np.nan_to_num(columns.numbers["class_confidence"], nan=1.0)
            scores += (columns.coded["sound_class"] == code) * confidence
    if term.sound_word is not None:
        scores += sound_word_mask(columns, term.sound_word)
    return scores


def by_nearness(columns: Columns, mask: Mask, near: Near) -> Ranking:
    """Return the matching documents that are near, the nearest first."""
    matching = np.isin(near.ids, columns.ids[mask])
    ids, keys = near.ids[matching], near.distances[matching]
    # The newest of equally distant results first.
    order = np.lexsort((-ids, keys))
    return Ranking(Sort(field=SortField.NEAR), ids[order], keys[order])


def default_sort(query: SearchQuery) -> Sort:
    """Return the order of a query.

    Relevance means nearness if there is an item to be like, and the newest first where no text can
    match.
    """
    sort = query.sort or Sort()
    if query.like is not None and sort.field in (SortField.RELEVANCE, SortField.NEAR):
        return Sort(field=SortField.NEAR)
    if sort.field is SortField.NEAR:
        sort = Sort()
    if sort.field is SortField.RELEVANCE and not any(query.positive_terms()):
        return Sort(field=SortField.CREATED, descending=True)
    return sort
