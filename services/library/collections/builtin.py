"""The built-in collections of every owner: the favourites and the tray."""

import uuid

from contracts.collections import CollectionKind
from contracts.ids import CollectionId, OwnerId

NAMES = {CollectionKind.FAVOURITES: "Favourites", CollectionKind.TRAY: "Tray"}
"""The built-in collections by kind, with their names."""
_SPACE = uuid.UUID("7d2f0a52-5f0e-5c0f-9a55-0d4f3b0f6c11")


def builtin_id(owner: OwnerId, kind: CollectionKind) -> CollectionId:
    """Return the id of a built-in collection: a UUID of version 5, derived from its owner."""
    return CollectionId(str(uuid.uuid5(_SPACE, f"{owner}:{kind}")))


def builtin_kind(owner: OwnerId, id_: str) -> CollectionKind | None:
    """Return which built-in collection of an owner has an id, if any."""
    return next((kind for kind in NAMES if builtin_id(owner, kind) == id_), None)


def resolve(owner: OwnerId, ref: str) -> CollectionId:
    """Return the id for the reference in a path: an id, or the name of a built-in collection."""
    if ref in set(NAMES):
        return builtin_id(owner, CollectionKind(ref))
    return CollectionId(ref)
