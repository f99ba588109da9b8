"""Similarity: sounds that are alike, what they differ in, and duplicates."""

from typing import Annotated

from pydantic import Field

from contracts.base import Message, StrictModel
from contracts.ids import ItemId
from contracts.items import Item, Sha256
from contracts.music import Share
from contracts.search import MAX_QUERY_LENGTH, SearchHit

MAX_EXAMPLES = 20
"""Items that one search by similarity may name."""
MAX_SIMILAR = 200
"""Results of one search by similarity."""
Distance = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
"""1 − cosine of two vectors: 0 for the same sound, 1 for sounds that have nothing in common."""


class SimilarityAspects(Message):
    """How much two sounds differ in what is measured of them: 0 not at all, 1 very much.

    An aspect is absent if one of the sounds has no such value, as noise has no pitch.
    """

    timbre: Share | None = None
    """Mean of brightness, where 3 octaves are 1, and noisiness, where a difference of 0.5 is 1."""
    pitch: Share | None = None
    """An octave is 1."""
    envelope: Share | None = None
    """Mean of attack and length, where a ratio of 16 is 1."""
    loudness: Share | None = None
    """24 dB are 1. It has no part in the distance."""


class SimilarSound(Message):
    """An item that sounds like another."""

    hit: SearchHit
    distance: Distance
    aspects: SimilarityAspects
    """Relative to the item with the largest weight."""


class SimilarSounds(Message):
    """The items that sound most alike, the nearest first."""

    items: tuple[SimilarSound, ...]
    missing: tuple[ItemId, ...] = ()
    """Items of the request that have no vector, because tagging has not described them yet."""


class SimilarityExample(StrictModel):
    """An item that results should sound like, or should not."""

    item: ItemId
    weight: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] = 1.0
    """A negative weight subtracts the sound."""


class SimilaritySearch(StrictModel):
    """A search for what sounds like several items together."""

    items: Annotated[tuple[SimilarityExample, ...], Field(min_length=1, max_length=MAX_EXAMPLES)]
    q: Annotated[str, Field(max_length=MAX_QUERY_LENGTH)] = ""
    """Filters in the query language; only matching items are returned."""
    limit: Annotated[int, Field(ge=1, le=MAX_SIMILAR)] = 20


class DuplicateItem(Message):
    """A member of a group of duplicates."""

    item: Item
    audio_sha256: Sha256
    """SHA-256 of its canonical audio: members with the same one have the same samples."""


class DuplicateGroup(Message):
    """Items with the same sound, the oldest first. The server never deletes any of them itself."""

    exact: bool
    """Whether all members have the same samples; otherwise some differ in format, gain or a few
    milliseconds at the start."""
    items: tuple[DuplicateItem, ...]
