"""Similarity: sounds that are alike, what they differ in, and duplicates."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from contracts.base import Message, StrictModel
from contracts.ids import ItemId, QuerySoundId, SubjectId, UploadId
from contracts.items import Item, Sha256
from contracts.music import Seconds, Share
from contracts.search import MAX_QUERY_LENGTH, Distance, SearchHit

MAX_EXAMPLES = 20
"""Items and query sounds that one search by similarity may name."""
MAX_SIMILAR = 200
"""Results of one search by similarity."""
MAX_QUERY_SOUND_SECONDS: Seconds = 30.0
"""Length of a query sound."""
MAX_QUERY_SOUND_BYTES = 32 << 20
"""Bytes of the file of a query sound."""
MAX_QUERY_SOUNDS = 20
"""Query sounds of an account; the oldest is removed when another is added."""
MAX_WAIT: Seconds = 8.0
"""How long a request may wait for a query sound to be described."""


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
    rhythm: Share | None = None
    """Tempo, where half and double the tempo count as the same: a factor of 1.41 is 1."""
    loudness: Share | None = None
    """24 dB are 1. It has no part in the distance of two vectors."""


class SimilarityDials(StrictModel):
    """How much each aspect counts in the distance of two sounds.

    The distance is the mean, by these weights, of the distance of the vectors (`timbre`) and of
    the differences in `SimilarityAspects`. An aspect that is not measured of the sounds searched by
    is left out; an item of which it is not measured differs by 1 in it.
    """

    timbre: Share = 1.0
    """The distance of the vectors, which describe timbre and its course."""
    pitch: Share = 0.0
    rhythm: Share = 0.0
    envelope: Share = 0.0
    loudness: Share = 0.0


class SimilarSound(Message):
    """An item that sounds like others."""

    hit: SearchHit
    distance: Distance
    """With dials, the mean that they give; otherwise the distance of the vectors."""
    vector_distance: Distance
    """1 − cosine of the vectors, whatever the dials are."""
    aspects: SimilarityAspects
    """Means over the examples with positive weights, by weight."""


class SimilarSounds(Message):
    """The items that sound most alike, the nearest first."""

    items: tuple[SimilarSound, ...]
    missing: tuple[SubjectId, ...] = ()
    """Items and query sounds of the request without a vector: not described yet, or silent."""
    next: str | None = None
    """The `cursor` of the following page."""


class SimilarityExample(StrictModel):
    """An item or query sound that results should sound like, or should not."""

    item: ItemId | None = None
    query_sound: QuerySoundId | None = None
    weight: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] = 1.0
    """A negative weight subtracts the sound."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.item is None) == (self.query_sound is None):
            raise ValueError("send either `item` or `query_sound`")
        return self

    @property
    def id(self) -> SubjectId:
        """The id of the item or query sound."""
        return SubjectId(self.item or self.query_sound or "")


class SimilaritySearch(StrictModel):
    """A search for what sounds like several items or query sounds together."""

    like: Annotated[tuple[SimilarityExample, ...], Field(min_length=1, max_length=MAX_EXAMPLES)]
    dials: SimilarityDials = SimilarityDials()
    q: Annotated[str, Field(max_length=MAX_QUERY_LENGTH)] = ""
    """Filters in the query language; only matching items are returned."""
    limit: Annotated[int, Field(ge=1, le=MAX_SIMILAR)] = 20
    cursor: Annotated[str, Field(max_length=2000)] | None = None
    """`next` of the page before."""


class QuerySoundState(StrEnum):
    """The state of a query sound."""

    WAITING = "waiting"
    """It is being decoded and described."""
    READY = "ready"
    FAILED = "failed"
    """It cannot be searched by; `reason` says why."""


class QuerySoundCreate(StrictModel):
    """Request body to search by an uploaded file without keeping it."""

    upload: UploadId
    """An open upload, all parts of which were sent; it is completed by this request."""


class QuerySound(Message):
    """A sound that is only searched by: it is in no list, and removed within the hour."""

    id: QuerySoundId
    name: str
    state: QuerySoundState
    reason: str | None = None
    """Why it failed, and what to do."""
    expires: datetime


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
