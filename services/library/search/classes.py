"""The classes of all items of one owner, by the columns in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.maps import CLASSES, NO_CLASS
from kit.vectors.ids import Ids
from services.library.search.columns import Columns
from services.library.search.fulltext import DocumentIds


@dataclass(frozen=True, slots=True)
class ItemClasses:
    """Items and their classes.

    Attributes
    ----------
    ids
        Items, `[count, 16]`.
    classes
        The place of each item's class in `CLASSES`, or `NO_CLASS`, `[count]`.
    """

    ids: Ids
    classes: NDArray[np.uint8]


def item_classes(columns: Columns, deleting: DocumentIds) -> ItemClasses:
    """Return the items of columns but for removed ones and those of some documents."""
    kept = columns.live & ~columns.mask(deleting)
    numbers = np.array(
        [
            CLASSES.index(text) if text in CLASSES else NO_CLASS
            for text in columns.codes["sound_class"].texts
        ]
        # The code -1 of items without a class finds the last one.
        + [NO_CLASS],
        np.uint8,
    )
    return ItemClasses(columns.items[kept], numbers[columns.coded["sound_class"][kept]])
