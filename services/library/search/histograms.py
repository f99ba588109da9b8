"""Histograms of measured values, counted from the columns in memory."""

import math

import numpy as np
from numpy.typing import NDArray

from contracts.search import Histogram, HistogramField
from services.library.search.columns import Columns, Mask

MAX_INTERVALS = 80
_WIDTHS = (1, 2, 5, 10, 20, 50, 100)
"""Widths of intervals of equal width, from which the first with at most `_LINEAR_INTERVALS` is
taken."""
_LINEAR_INTERVALS = 40
_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
"""Edges of each decade of intervals that grow."""
_SHORTEST, _LONGEST = 0.001, 1e6
"""Seconds; shorter and longer items are counted in the first and last interval."""


def count_values(columns: Columns, field: HistogramField, mask: Mask) -> Histogram:
    """Count the values of chosen documents in intervals whose edges fit all documents.

    Parameters
    ----------
    mask
        The documents to count, `[documents]`.
    """
    values = columns.numbers[field.value]
    known = ~np.isnan(values)
    every = values[columns.live & known]
    if not len(every):
        return Histogram(edges=(), counts=())
    low, high = float(every.min()), float(every.max())
    linear = field is HistogramField.BPM
    edges = _linear_edges(low, high) if linear else _growing_edges(low, high)
    chosen = values[mask & known]
    # The intervals contain all values, but for rounding and for the limits of growing edges.
    places = np.clip(np.searchsorted(edges, chosen, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(places, minlength=len(edges) - 1)
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))


def _linear_edges(low: float, high: float) -> NDArray[np.float64]:
    """Return edges at multiples of one width that contain both values, `[intervals + 1]`."""
    width = next((w for w in _WIDTHS if (high - low) / w <= _LINEAR_INTERVALS), None)
    if width is None:
        return np.linspace(low, high, _LINEAR_INTERVALS + 1)
    first, last = math.floor(low / width), math.floor(high / width) + 1
    return np.arange(first, last + 1, dtype=np.float64) * width


def _growing_edges(low: float, high: float) -> NDArray[np.float64]:
    """Return edges 1, 1.5, 2, 3, 5, 7 of each decade that contain both values, `[intervals + 1]`.

    Values are clipped to 1 ms and 1,000,000 s.
    """
    low, high = (min(max(value, _SHORTEST), _LONGEST) for value in (low, high))
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 2)
    edges = np.array([step * 10.0**decade for decade in decades for step in _STEPS])
    # Edges as they are written: 0.015 and not 0.015000000000000001.
    edges = np.round(edges, 6)
    first = max(0, int(np.searchsorted(edges, low, side="right")) - 1)
    last = int(np.searchsorted(edges, high, side="right"))
    return edges[first : last + 1]
