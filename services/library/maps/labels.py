"""Labels of a map: regions in which one class prevails."""

import numpy as np
from numpy.typing import NDArray

from contracts.maps import CLASSES, MAX_LABELS, NO_CLASS, MapLabel
from contracts.tagging import SoundClass
from kit.arrays import F64

_CELLS = 12
"""Cells in each direction."""
_MIN_SHARE = 0.005
"""A region with a smaller share of all sounds gets no label."""
_MIN_COUNT = 3
_NONE = -1


def find_labels(places: F64, classes: NDArray[np.uint8]) -> tuple[MapLabel, ...]:
    """Return the labels of regions, those with the most sounds first.

    The unit square is cut into 12 × 12 cells. Neighbouring cells in which the same class is the
    most frequent are a region; its label stands at the mean of its sounds of that class, in the
    cell nearest to it that belongs to the region.

    Parameters
    ----------
    places
        In the unit square, `[count, 2]`.
    classes
        Numbers of classes, `[count]`; `unknown` and `NO_CLASS` name no region.
    """
    unnamed = (classes == NO_CLASS) | (classes == CLASSES.index(SoundClass.UNKNOWN))
    places, classes = places[~unnamed], classes[~unnamed].astype(np.int64)
    if not len(places):
        return ()
    cells = np.minimum((places * _CELLS).astype(np.int64), _CELLS - 1)
    counts = np.zeros((_CELLS, _CELLS, len(CLASSES)), np.int64)
    np.add.at(counts, (cells[:, 0], cells[:, 1], classes), 1)
    prevailing = np.where(counts.any(axis=2), counts.argmax(axis=2), _NONE)
    regions = _regions(prevailing)
    min_count = max(_MIN_COUNT, _MIN_SHARE * len(places))
    of_place = regions[cells[:, 0], cells[:, 1]]
    labels = []
    for region in range(regions.max() + 1):
        inside = np.argwhere(regions == region)
        name = prevailing[tuple(inside[0])]
        members = (of_place == region) & (classes == name)
        count = int(members.sum())
        if count < min_count:
            continue
        x, y = _inside(places[members].mean(axis=0), inside)
        labels.append(MapLabel(x=x, y=y, text=CLASSES[name], count=count))
    labels.sort(key=lambda label: -label.count)
    return tuple(labels[:MAX_LABELS])


def _regions(prevailing: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of each cell's region, -1 for cells without a class."""
    regions = np.full(prevailing.shape, _NONE)
    count = 0
    for start in zip(*np.nonzero(prevailing != _NONE), strict=True):
        if regions[start] != _NONE:
            continue
        waiting = [(int(start[0]), int(start[1]))]
        while waiting:
            x, y = waiting.pop()
            if not (0 <= x < _CELLS and 0 <= y < _CELLS) or regions[x, y] != _NONE:
                continue
            if prevailing[x, y] != prevailing[start]:
                continue
            regions[x, y] = count
            waiting += [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
        count += 1
    return regions


def _inside(mean: F64, cells: NDArray[np.int64]) -> tuple[float, float]:
    """Return a place, or that in the nearest of some cells if it is in none of them."""
    low, high = cells / _CELLS, (cells + 1) / _CELLS
    nearest = np.clip(mean, low, high)
    best = nearest[((nearest - mean) ** 2).sum(axis=1).argmin()]
    return float(best[0]), float(best[1])
