"""Results of a search."""

from datetime import datetime
from typing import Literal, TypedDict

from cratedig.types.base import Answer
from cratedig.types.catalogue import Item

SoundClass = Literal[
    "kick",
    "snare",
    "clap",
    "rim",
    "closed_hat",
    "open_hat",
    "crash",
    "ride",
    "splash",
    "tom",
    "cowbell",
    "shaker",
    "tambourine",
    "percussion",
    "bass",
    "vocal",
    "synth",
    "loop",
    "unknown",
]
"""The musical class of a sample."""
DescriptorFormat = Literal["parquet", "npz"]
"""The format of a file of descriptors."""


class SearchTag(Answer):
    """A tag of an item, or with `proposed` one that a taught tag proposes.

    `source` is `machine`, `user` or `file`.
    """

    name: str
    source: str
    confidence: float | None = None
    proposed: bool = False


class SearchHit(Answer):
    """An item that a search found.

    `song` is the id of the song that it was cut from. `loudness` is in LUFS, `brightness` and
    `pitch` in hertz, `attack` in seconds, `noisiness` from 0 (a tone) to 1 (noise).
    """

    item: Item
    sound_class: str | None = None
    class_confidence: float | None = None
    class_source: str | None = None
    song: str | None = None
    key: str | None = None
    camelot: str | None = None
    key_source: str | None = None
    bpm: float | None = None
    bpm_source: str | None = None
    loudness: float | None = None
    brightness: float | None = None
    noisiness: float | None = None
    attack: float | None = None
    pitch: float | None = None
    favourite: bool = False
    rating: int | None = None
    licence: str | None = None
    tags: tuple[SearchTag, ...] = ()
    distance: float | None = None


class FacetCount(Answer):
    """How many results have a value."""

    value: str
    count: int


class Facets(Answer):
    """How many results have each value, if the search had no filter of that field."""

    kinds: tuple[FacetCount, ...] = ()
    classes: tuple[FacetCount, ...] = ()
    stems: tuple[FacetCount, ...] = ()
    keys: tuple[FacetCount, ...] = ()
    tags: tuple[FacetCount, ...] = ()
    licences: tuple[FacetCount, ...] = ()
    ratings: tuple[FacetCount, ...] = ()
    favourites: int = 0
    in_doubt: int = 0


class Understood(Answer):
    """How the server understood the part of a query from `start` to `end`."""

    text: str
    start: int
    end: int
    field: str
    meaning: str


class Histogram(Answer):
    """How many results have a value in each interval between two `edges`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class SearchResult(Answer):
    """Rows of a search; `total` counts all results, `query` is the search as text.

    `snapshot` with the same search and an `offset` reads other rows, `next` is the `cursor` of the
    following page.
    """

    items: tuple[SearchHit, ...]
    total: int
    offset: int
    next: str | None = None
    snapshot: str
    query: str
    understood: tuple[Understood, ...] = ()
    facets: Facets | None = None
    histograms: dict[str, Histogram] | None = None


class SavedSearch(Answer):
    """A saved search: `new` of the `total` items that it finds came since it was last opened.

    `total` is `None` for a search with `like:`, whose results are not counted.
    """

    id: str
    name: str
    q: str
    notify: bool
    created: datetime
    updated: datetime
    seen: datetime
    new: int
    total: int | None = None


class SavedSearchChanges(TypedDict, total=False):
    """Changes of a saved search. Absent keys stay as they are."""

    name: str
    q: str
    notify: bool
