"""Liked sounds of others: what a shared collection holds besides the sounds of its editor."""

from collections.abc import Iterable, Mapping

import numpy as np

from contracts.maps import CLASSES, NO_CLASS
from kit.arrays import F32
from kit.vectors.base import OwnedVectors, Space
from kit.vectors.ids import pack
from services.library.search.classes import ItemClasses


def with_shared(
    crate: Mapping[Space, OwnedVectors],
    classes: ItemClasses,
    shared: Iterable[Mapping[Space, Mapping[str, F32]]],
    classes_of_shared: Mapping[str, str | None],
) -> tuple[dict[Space, OwnedVectors], ItemClasses]:
    """Return the vectors and classes of an owner with those of some items of others.

    Parameters
    ----------
    shared
        Unit vectors of items of each other owner, by space and item. They are examples, so they are
        never recommended.
    classes_of_shared
        The sound classes of these items; those without an entry are left out.
    """
    added: dict[Space, dict[str, F32]] = {}
    for of_owner in shared:
        for space, vectors in of_owner.items():
            known = {item: v for item, v in vectors.items() if item in classes_of_shared}
            added.setdefault(space, {}).update(known)
    joined = dict(crate)
    for space, vectors in added.items():
        # Without a sound of the owner in the space there is nothing to recommend.
        if space in joined and vectors:
            own = joined[space]
            joined[space] = OwnedVectors(
                np.concatenate((own.ids, pack(list(vectors)))),
                np.concatenate((own.vectors, np.stack(list(vectors.values())))),
            )
    items = list(classes_of_shared)
    numbers = [
        CLASSES.index(name) if name in CLASSES else NO_CLASS for name in classes_of_shared.values()
    ]
    return joined, ItemClasses(
        np.concatenate((classes.ids, pack(items))),
        np.concatenate((classes.classes, np.array(numbers, np.uint8))),
    )
