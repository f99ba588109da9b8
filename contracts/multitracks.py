"""Multitracks: songs whose stems the user has."""

from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.ids import ItemId, JobId
from contracts.items import Item, Metadata, PartOfSong
from contracts.music import Share

MAX_PARTS = 48
"""Files of a song."""
MIN_LENGTH_SHARE: Share = 0.5
"""Length of the shortest file relative to the longest; shorter ones are refused."""


class MultitrackPart(StrictModel):
    """One file of a song."""

    item: ItemId
    """An item that is ready, and that was not cut from another one."""
    stem: PartOfSong | None = None
    """The part of the song that it holds; if absent, the `stem` of the item."""


class MultitrackCreate(StrictModel):
    """Request body to make a song of items that hold its stems.

    All of them start together. Shorter ones are padded with silence at their ends, and several of
    one stem are summed.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    parts: Annotated[tuple[MultitrackPart, ...], Field(min_length=1, max_length=MAX_PARTS)]
    metadata: Metadata = Field(default_factory=dict)


class Multitrack(Message):
    """A song made of the user's own stems."""

    item: Item
    """The song. It is ready once its mix is made; its parts are then items that were cut from
    it, without a job in their lineage."""
    job: JobId
    """The job that makes its mix."""
