"""Collections that are read by a link, without an account."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import Message
from contracts.ids import ItemId
from contracts.items import AudioFacts, ItemKind
from contracts.music import Bpm, Stem
from contracts.waveforms import WaveformData

LinkSecret = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""The secret of a link."""


class SharedCollection(Message):
    """A collection as whoever has its link sees it; it says nothing about its owner."""

    name: str
    note: str
    cover_item: ItemId | None = None
    """The item whose waveform is the cover."""
    has_cover_image: bool
    """Whether the cover is an image, which `GET /v1/shared/{secret}/cover` returns."""
    items: Annotated[int, Field(ge=0)]
    downloads: bool
    """Whether the link allows to download items."""
    expires: datetime
    """When the link expires."""


class SharedItem(Message):
    """An item of a collection as whoever has the collection's link sees it."""

    id: ItemId
    kind: ItemKind
    name: str
    stem: Stem | None = None
    audio: AudioFacts | None = None
    """Null until the item is ready; it cannot be heard before."""
    bpm: Bpm | None = None
    waveform: WaveformData | None = None
    """Null if the item is not ready, or was stored before the server kept waveforms."""
