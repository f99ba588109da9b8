"""Sounds that are alike, and duplicates."""

from datetime import datetime

from cratedig.types.base import Answer
from cratedig.types.catalogue import Item
from cratedig.types.search import SearchHit


class SimilarityAspects(Answer):
    """How much two sounds differ in what is measured, 0 to 1; absent where one has no value."""

    timbre: float | None = None
    pitch: float | None = None
    envelope: float | None = None
    rhythm: float | None = None
    loudness: float | None = None


class SimilarSound(Answer):
    """An item that sounds like others; `distance` is from 0 (the same) to 2.

    `vector_distance` is that of the vectors alone, whatever the dials are.
    """

    hit: SearchHit
    distance: float
    vector_distance: float
    aspects: SimilarityAspects


class SimilarSounds(Answer):
    """The nearest items first; `missing` lists what has no vector, `next` is the next cursor."""

    items: tuple[SimilarSound, ...]
    missing: tuple[str, ...] = ()
    next: str | None = None


class QuerySound(Answer):
    """A sound that is only searched by; `state` is `waiting`, `ready` or `failed`."""

    id: str
    name: str
    state: str
    reason: str | None = None
    expires: datetime


class DuplicateItem(Answer):
    """A member of a group; members with the same `audio_sha256` have the same samples."""

    item: Item
    audio_sha256: str


class DuplicateGroup(Answer):
    """Items with the same sound, the oldest first; `exact` if all have the same samples."""

    exact: bool
    items: tuple[DuplicateItem, ...]
