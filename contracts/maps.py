"""Maps: a layout of sounds in two dimensions, in which sounds that are alike lie close together."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Message, StrictModel, pattern_string
from contracts.ids import CollectionId
from contracts.music import Share
from contracts.tagging import SoundClass

MAX_MAPS = 100
"""Maps that one account may have."""
MAX_LABELS = 40
"""Labels of a map."""
MAGIC = b"CDM1"
"""The first bytes of a map's points."""
GRID = 65_535
"""The largest coordinate of a point; the smallest is 0."""
NO_CLASS = 255
"""Stands in a map's points for a sound that has no class."""
CLASSES = tuple(SoundClass)
"""The sound classes in the order of their numbers in a map's points."""

MapName = Annotated[
    str,
    pattern_string(
        r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$",
        "a map's name has 1 to 64 letters, digits, spaces, dots, dashes and underscores, and "
        "begins with a letter or digit",
    ),
]
"""The name of a map, which its owner chooses."""
Seed = Annotated[int, Field(ge=0, lt=1 << 31)]
"""The number that random choices of a layout begin with: the same sounds give the same map."""


class MapState(StrEnum):
    """Whether a map can be shown, and what is being done to it."""

    WAITING = "waiting"
    """It will be computed when its turn comes; the server computes one at a time."""
    COMPUTING = "computing"
    READY = "ready"
    FAILED = "failed"
    """The reason says why."""


class MapChange(StrEnum):
    """What changed in a map."""

    REQUESTED = "requested"
    """It was created, or its layout was requested again."""
    STARTED = "started"
    """Its layout is being computed."""
    COMPUTED = "computed"
    """It has a new layout."""
    PLACED = "placed"
    """New sounds were added to its layout."""
    FAILED = "failed"
    DELETED = "deleted"


class MapEdit(StrictModel):
    """Request body to create a map or to change what it shows."""

    collection: CollectionId | None = None
    """One of your collections; null for all your samples."""
    seed: Seed = 0


class MapLabel(Message):
    """The name of a region: the class that most of its sounds have."""

    x: Share
    y: Share
    text: str
    """A sound class."""
    count: Annotated[int, Field(ge=1)]
    """How many sounds of this class are in the region."""


class Map(Message):
    """A map of sounds.

    While a layout is computed again, the points of the one before stay.
    """

    name: MapName
    collection: CollectionId | None = None
    """The collection whose samples it shows; null for all samples."""
    state: MapState
    reason: str | None = None
    """Why it could not be computed, and what to do; or why it has no points."""
    seed: Seed
    points: Annotated[int, Field(ge=0)] = 0
    """Sounds that have a place; those that were deleted since count until it is computed again."""
    trustworthiness: Share | None = None
    """How far neighbours on the map are neighbours by sound, when it was computed: 1 if all are,
    about 0.5 for places at random (Venna and Kaski, 2001; 15 neighbours)."""
    computed_at: datetime | None = None
    labels: tuple[MapLabel, ...] = ()
    """At most 40, those with the most sounds first."""
    classes: tuple[SoundClass, ...] = CLASSES
    """The classes by their number in the points."""
