"""Filters of a search as masks over an owner's columns, and the counts of facets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.search import (
    DOUBT,
    SOUND_WORDS,
    FacetCount,
    Facets,
    Histogram,
    HistogramField,
    MeasuredField,
    SearchQuery,
    Term,
    TimeRange,
    ValueRange,
)
from services.library.search.columns import Columns, Mask, microseconds
from services.library.search.fulltext import DocumentIds
from services.library.search.histograms import count_values
from services.library.search.values import accepted_keys

MAX_FACET_VALUES = 50
"""Values of a facet that are counted in an answer, the most frequent first."""
_LARGEST = float(np.finfo(np.float32).max)


ProposedItems = Mapping[str, Sequence[str]]
"""The items for which each taught tag of a query is proposed, by its name."""


@dataclass(frozen=True, slots=True)
class TextMatches:
    """What the full-text index and other tables found for a query."""

    words: DocumentIds | None
    """Documents with all words that have one meaning; `None` if the query has no such word."""
    terms: Sequence[tuple[Term, DocumentIds]]
    """The other terms, which are negated or have another meaning too, each with those documents
    that have it beside all `words`."""
    songs: Collection[str]
    """Items with the ids or names in `sources` of the query."""
    within: Sequence[DocumentIds]
    """Sets of documents, such as those that collections hold; a result is in all of them."""
    without: Sequence[DocumentIds]
    """Sets of documents; a result is in none of them."""
    deleting: DocumentIds
    """Documents of items that are being deleted."""
    proposed: ProposedItems


class Matches:
    """Which of an owner's documents match a query.

    Parameters
    ----------
    columns
        The owner's documents.
    query
        The search.
    texts
        What the full-text index found for it.
    """

    def __init__(self, columns: Columns, query: SearchQuery, texts: TextMatches) -> None:
        self._columns = columns
        self._others, self._facets = _masks(columns, query, texts)
        self.mask = _all((self._others, *self._facets.values()))

    def restrict(self, ids: DocumentIds) -> None:
        """Let only these documents match."""
        chosen = self._columns.mask(ids)
        self._others = self._others & chosen
        self.mask = self.mask & chosen

    def facets(self) -> Facets:
        """Return the counts of every facet; each ignores the filter of its own field."""
        columns, coded = self._columns, self._columns.coded

        def counts(name: str, column: str) -> tuple[FacetCount, ...]:
            codes = coded[column][self._without(name)]
            return _counts(codes, columns.codes[column].texts)

        rating = self._without("ratings")
        stars = np.bincount(columns.rating[rating], minlength=6)
        return Facets(
            kinds=counts("kinds", "kind"),
            classes=counts("classes", "sound_class"),
            stems=counts("stems", "stem"),
            keys=counts("keys", "camelot"),
            licences=counts("licences", "licence"),
            tags=self._tag_counts(),
            ratings=tuple(
                FacetCount(value=str(n), count=int(stars[n])) for n in range(5, 0, -1) if stars[n]
            ),
            favourites=int(np.count_nonzero(columns.favourite & self._without("favourites"))),
            in_doubt=int(np.count_nonzero(_in_doubt(columns) & self._without("in_doubt"))),
        )

    def histograms(self, fields: Iterable[HistogramField]) -> dict[HistogramField, Histogram]:
        """Return the counts of measured values; each ignores the filter of its own field."""
        return {
            field: count_values(self._columns, field, self._without(field.value))
            for field in fields
        }

    def _tag_counts(self) -> tuple[FacetCount, ...]:
        columns = self._columns
        mask = self._without("tags")
        chosen = mask[np.searchsorted(columns.ids, columns.tag_documents)]
        return _counts(columns.tag_codes[chosen], columns.tags.texts)

    def _without(self, name: str) -> Mask:
        """Return the mask of all filters but one facet's."""
        if name not in self._facets:
            return self.mask
        others = (mask for facet, mask in self._facets.items() if facet != name)
        return _all((self._others, *others))


def in_limits(values: NDArray[np.float32], limits: ValueRange) -> Mask:
    """Return which values are in a range; NaN is in none."""
    # Compared in the precision in which they are stored: 0.1 is at most 0.1.
    mask = ~np.isnan(values)
    if limits.min is not None:
        low = _single(limits.min)
        mask &= values > low if limits.min_open else values >= low
    if limits.max is not None:
        high = _single(limits.max)
        mask &= values < high if limits.max_open else values <= high
    return mask


def _single(value: float) -> np.float32:
    """Return a number in single precision; one that is too large becomes the largest."""
    return np.float32(np.clip(value, -_LARGEST, _LARGEST))


def _masks(
    columns: Columns, query: SearchQuery, texts: TextMatches
) -> tuple[Mask, dict[str, Mask]]:
    """Return the mask of everything that is no facet, and the mask of each facet that is set."""
    others = columns.live.copy()
    others[columns.places(texts.deleting)] = False
    if texts.words is not None:
        others &= columns.mask(texts.words)
    for term, ids in texts.terms:
        mask = _term_mask(columns, term, ids)
        others &= ~mask if term.negated else mask
    if query.created is not None:
        others &= _created_mask(columns, query.created)
    if query.sources:
        songs = texts.songs
        others &= _coded_mask(columns, "song", songs) | _coded_mask(columns, "parent", songs)
    for ids in texts.within:
        others &= columns.mask(ids)
    for ids in texts.without:
        others &= ~columns.mask(ids)
    for name in query.proposed:
        others &= _item_mask(columns, texts.proposed[name])
    for name in query.not_proposed:
        others &= ~_item_mask(columns, texts.proposed[name])
    facets: dict[str, Mask] = {}

    def restrict(name: str, mask: Mask) -> None:
        facets[name] = facets[name] & mask if name in facets else mask

    for measure in MeasuredField:
        if (limits := query.limits(measure)) is not None:
            mask = _measure_mask(columns, measure, limits, folds=query.bpm_fold)
            if measure.value in set(HistogramField):
                restrict(measure.value, mask)
            else:
                others &= mask
    for name, column in (
        ("kinds", "kind"),
        ("classes", "sound_class"),
        ("stems", "stem"),
        ("licences", "licence"),
    ):
        if values := getattr(query, name):
            restrict(name, _coded_mask(columns, column, values))
        if values := getattr(query, f"not_{name}"):
            restrict(name, ~_coded_mask(columns, column, values))
    if query.keys:
        codes = {code for key in query.keys for code in accepted_keys(key.camelot, key.match)}
        restrict("keys", _coded_mask(columns, "camelot", codes))
    for tag in query.tags:
        restrict("tags", _tag_mask(columns, tag))
    for tag in query.not_tags:
        restrict("tags", ~_tag_mask(columns, tag))
    if query.favourite is not None:
        restrict("favourites", columns.favourite == query.favourite)
    if query.min_rating is not None:
        restrict("ratings", columns.rating >= query.min_rating)
    if query.in_doubt is not None:
        restrict("in_doubt", _in_doubt(columns) == query.in_doubt)
    return others, facets


def _term_mask(columns: Columns, term: Term, ids: DocumentIds) -> Mask:
    mask = columns.mask(ids)
    if term.classes:
        mask |= _coded_mask(columns, "sound_class", term.classes)
    if term.sound_word is not None:
        mask |= sound_word_mask(columns, term.sound_word)
    return mask


def sound_word_mask(columns: Columns, word: str) -> Mask:
    """Return which documents measure as a word for a sound says, `[documents]`."""
    ranges = SOUND_WORDS[word].ranges
    mask = np.zeros(columns.size, np.bool_)
    for part in ranges:
        mask |= in_limits(columns.numbers[part.measure.value], part.limits)
    return mask


def _measure_mask(
    columns: Columns, measure: MeasuredField, limits: ValueRange, *, folds: bool
) -> Mask:
    values = columns.numbers[measure.value]
    mask = in_limits(values, limits)
    if measure is MeasuredField.BPM and folds:
        mask |= in_limits(values * np.float32(2), limits)
        mask |= in_limits(values / np.float32(2), limits)
    return mask


def _created_mask(columns: Columns, period: TimeRange) -> Mask:
    mask = np.ones(columns.size, np.bool_)
    if period.start is not None:
        mask &= columns.created >= microseconds(period.start)
    if period.end is not None:
        mask &= columns.created < microseconds(period.end)
    return mask


def _coded_mask(columns: Columns, column: str, texts: Iterable[str]) -> Mask:
    codes = [code for text in texts if (code := columns.codes[column].find(str(text))) is not None]
    mask: Mask = np.isin(columns.coded[column], codes)
    return mask


def _item_mask(columns: Columns, items: Sequence[str]) -> Mask:
    places = columns.places_of_items(items)
    mask = np.zeros(columns.size, np.bool_)
    mask[places[places >= 0]] = True
    return mask


def _tag_mask(columns: Columns, tag: str) -> Mask:
    code = columns.tags.find(tag)
    if code is None:
        return np.zeros(columns.size, np.bool_)
    return columns.mask(columns.tag_documents[columns.tag_codes == code])


def _in_doubt(columns: Columns) -> Mask:
    mask: Mask = columns.numbers["class_confidence"] < np.float32(DOUBT)
    return mask


def _all(masks: Iterable[Mask]) -> Mask:
    first, *others = masks
    mask = first.copy()
    for other in others:
        mask &= other
    return mask


def _counts(codes: NDArray[np.int32], texts: Sequence[str]) -> tuple[FacetCount, ...]:
    counts = np.bincount(codes[codes >= 0], minlength=len(texts)).tolist()
    order = sorted(
        (code for code, count in enumerate(counts) if count),
        key=lambda code: (-counts[code], texts[code]),
    )
    return tuple(
        FacetCount(value=texts[code], count=counts[code]) for code in order[:MAX_FACET_VALUES]
    )
