"""Search over an owner's items: the query as a structure, what was understood, and the answer.

The query parameters of `GET /v1/search` and the query language make the same `SearchQuery`.
`docs/search.md` describes the language.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, NamedTuple

from pydantic import Field

from contracts.base import Message, StrictModel
from contracts.ids import CollectionId, ItemId, SubjectId
from contracts.items import Item, ItemKind
from contracts.music import Bpm, CamelotCode, Confidence, Decibels, Hertz, Seconds, Share, Stem
from contracts.tagging import SoundClass
from contracts.tags import Rating

DOUBT = 0.62
"""A class with a lower confidence is in doubt."""
MAX_QUERY_LENGTH = 400
"""Characters of a query in the query language."""
MAX_TERMS = 16
"""Words and phrases of a query, those in groups included."""
MAX_ALTERNATIVES = 16
"""Alternatives in all groups of a query together."""
Distance = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
"""1 − cosine of two vectors: 0 for the same sound, 1 for sounds that have nothing in common."""
Stars = Annotated[int, Field(ge=1, le=5)]
"""The least rating that a search asks for, 1 to 5."""


class MeasuredField(StrEnum):
    """A measured value of an item; each can be filtered by a range."""

    BPM = "bpm"
    """Tempo in beats per minute."""
    DURATION = "duration"
    """Length in seconds."""
    LOUDNESS = "loudness"
    """Loudness in LUFS: of a sample its loudest 400 ms, else integrated (ITU-R BS.1770-4)."""
    BRIGHTNESS = "brightness"
    """Spectral centroid in hertz of a sample's loudest part, by power."""
    NOISINESS = "noisiness"
    """Spectral flatness of a sample's loudest part: 0 for a sine, about 0.85 for white noise."""
    ATTACK = "attack"
    """Time in which a sample's envelope rises from 10 % to 90 % of its peak, in seconds."""
    PITCH = "pitch"
    """Fundamental frequency of a sample in hertz."""


class ValueRange(StrictModel):
    """The range of a measured value: both ends are inclusive unless marked as open.

    Items whose value is not known are outside of every range.
    """

    min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max: Annotated[float, Field(allow_inf_nan=False)] | None = None
    min_open: bool = False
    """Whether `min` itself is outside."""
    max_open: bool = False
    """Whether `max` itself is outside."""


class TimeRange(StrictModel):
    """A range of time: from `start`, inclusive, to `end`, exclusive."""

    start: datetime | None = None
    end: datetime | None = None


class KeyMatch(StrEnum):
    """Which keys a key filter accepts."""

    EXACT = "exact"
    COMPATIBLE = "compatible"
    """Also its neighbours on the Camelot wheel: one step to either side, and its relative key."""
    RELATIVE = "relative"
    """Also its relative major or minor key."""


class KeyFilter(StrictModel):
    """A key to search for."""

    camelot: CamelotCode
    match: KeyMatch = KeyMatch.EXACT


class SoundRange(NamedTuple):
    """A range of a measured value."""

    measure: MeasuredField
    limits: ValueRange


class SoundWord(NamedTuple):
    """A word for a sound: it holds for items that measure so in any of its ranges."""

    ranges: tuple[SoundRange, ...]
    meaning: str
    """The ranges in words, with their units."""


SOUND_WORDS: Mapping[str, SoundWord] = MappingProxyType(
    {
        "bright": SoundWord(
            (SoundRange(MeasuredField.BRIGHTNESS, ValueRange(min=3000)),),
            "spectral centroid of at least 3000 Hz",
        ),
        "dark": SoundWord(
            (SoundRange(MeasuredField.BRIGHTNESS, ValueRange(max=250)),),
            "spectral centroid of at most 250 Hz",
        ),
        "short": SoundWord(
            (SoundRange(MeasuredField.DURATION, ValueRange(max=0.25)),), "at most 0.25 s long"
        ),
        "long": SoundWord(
            (SoundRange(MeasuredField.DURATION, ValueRange(min=2)),), "at least 2 s long"
        ),
        "punchy": SoundWord(
            (SoundRange(MeasuredField.ATTACK, ValueRange(max=0.01)),), "attack of at most 10 ms"
        ),
        "noisy": SoundWord(
            (SoundRange(MeasuredField.NOISINESS, ValueRange(min=0.25)),),
            "spectral flatness of at least 0.25",
        ),
        "tonal": SoundWord(
            (SoundRange(MeasuredField.NOISINESS, ValueRange(max=0.1)),),
            "spectral flatness of at most 0.1",
        ),
        # A kick may ring too briefly to have a pitch, and the centroid of a bass is that of its
        # overtones.
        "deep": SoundWord(
            (
                SoundRange(MeasuredField.PITCH, ValueRange(max=110)),
                SoundRange(MeasuredField.BRIGHTNESS, ValueRange(max=110)),
            ),
            "pitch or spectral centroid of at most 110 Hz",
        ),
    }
)
"""Words of a query that also mean ranges of measured values; `docs/search.md` says what they were
chosen on."""


class Term(StrictModel):
    """A word or phrase of the text to search for.

    A word also matches items of its sound classes, or whose measured value is in a range that
    `SOUND_WORDS` gives it.
    """

    text: str
    """Folded: no case, accents or width; words are separated by one space."""
    phrase: bool = False
    """Whether the words must match whole; otherwise the last one is a prefix."""
    negated: bool = False
    classes: tuple[SoundClass, ...] = ()
    """The classes that the word names."""
    sound_word: str | None = None
    """The entry of `SOUND_WORDS` that the word is."""


class SortField(StrEnum):
    """What results are sorted by. Items without the value come last."""

    RELEVANCE = "relevance"
    """How well the text matches; without text, the newest first."""
    CREATED = "created"
    NAME = "name"
    BPM = "bpm"
    DURATION = "duration"
    NEAR = "near"
    """How much results sound like the item in `like`; without it, as relevance."""


class Sort(StrictModel):
    """The order of results."""

    field: SortField = SortField.RELEVANCE
    descending: bool = False
    """Ignored for relevance and nearness, where the best match is always first."""


class SearchGroup(StrictModel):
    """Alternatives: an item must match one of them, or none if the group is negated."""

    alternatives: tuple["SearchQuery", ...]
    """They neither name a sound to be like nor an order."""
    negated: bool = False


class SearchQuery(StrictModel):
    """What to search for: an item must match every field that is set.

    Of the values of one field an item must have one; of `terms` and `tags` it must have all.
    """

    terms: tuple[Term, ...] = ()
    kinds: tuple[ItemKind, ...] = ()
    not_kinds: tuple[ItemKind, ...] = ()
    classes: tuple[SoundClass, ...] = ()
    not_classes: tuple[SoundClass, ...] = ()
    stems: tuple[Stem, ...] = ()
    not_stems: tuple[Stem, ...] = ()
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    proposed: tuple[str, ...] = ()
    """Taught tags: only items for which all of these are proposed."""
    not_proposed: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    not_licences: tuple[str, ...] = ()
    keys: tuple[KeyFilter, ...] = ()
    bpm: ValueRange | None = None
    bpm_fold: bool = False
    """Whether half and double the tempo match too."""
    duration: ValueRange | None = None
    loudness: ValueRange | None = None
    brightness: ValueRange | None = None
    noisiness: ValueRange | None = None
    attack: ValueRange | None = None
    pitch: ValueRange | None = None
    sources: tuple[str, ...] = ()
    """Ids of items, or words of songs' names: only what was cut from these."""
    collections: tuple[CollectionId, ...] = ()
    """The owner's collections: only items that one of these holds."""
    not_collections: tuple[CollectionId, ...] = ()
    """The owner's collections: only items that none of these holds."""
    saved: tuple[str, ...] = ()
    """Names or ids of the owner's saved searches: only items that one of these finds."""
    not_saved: tuple[str, ...] = ()
    """Names or ids of the owner's saved searches: only items that none of these finds."""
    favourite: bool | None = None
    min_rating: Stars | None = None
    in_doubt: bool | None = None
    """Whether the confidence of the item's class is below `DOUBT`."""
    created: TimeRange | None = None
    like: SubjectId | None = None
    """The item or query sound that results should sound like: only items that can be compared with
    it are found, at most the nearest 10,000, without the item itself."""
    sort: Sort | None = None
    groups: tuple[SearchGroup, ...] = ()
    """An item must match every group."""

    def with_alternatives(self) -> Iterator["SearchQuery"]:
        """Yield this query and all that its groups contain."""
        yield self
        for group in self.groups:
            for alternative in group.alternatives:
                yield from alternative.with_alternatives()

    def positive_terms(self) -> Iterator[Term]:
        """Yield the words and phrases that results may have, and not those that are excluded."""
        yield from (term for term in self.terms if not term.negated)
        for group in self.groups:
            if not group.negated:
                for alternative in group.alternatives:
                    yield from alternative.positive_terms()

    def limits(self, measure: MeasuredField) -> ValueRange | None:
        """Return the range of a measured value, if it is limited."""
        limits: ValueRange | None = getattr(self, measure.value)
        return limits


class Understood(Message):
    """How the server understood one part of a query."""

    text: str
    """The part as it was written."""
    start: Annotated[int, Field(ge=0)]
    """Position of its first character in the query; characters are Unicode code points."""
    end: Annotated[int, Field(ge=0)]
    """Position after its last character."""
    field: str
    """The field of the query that it sets: `terms`, `bpm`, `keys`, …; empty if it is ignored."""
    meaning: str
    """What it means, as text for a person."""


class ClassSource(StrEnum):
    """Who said which class, tag, tempo or key an item has."""

    MACHINE = "machine"
    USER = "user"
    FILE = "file"


class SearchTag(Message):
    """A tag of an item, or one that a taught tag proposes for it."""

    name: str
    source: ClassSource
    confidence: Confidence | None = None
    proposed: bool = False
    """Whether it is a proposal of a taught tag that nobody has confirmed."""


class SearchHit(Message):
    """An item that was found, with what the search knows of it."""

    item: Item
    sound_class: SoundClass | None = None
    class_confidence: Confidence | None = None
    class_source: ClassSource | None = None
    song: ItemId | None = None
    """The song that it was cut from, directly or through other items."""
    key: str | None = None
    camelot: CamelotCode | None = None
    key_source: ClassSource | None = None
    bpm: Bpm | None = None
    bpm_source: ClassSource | None = None
    """`file` for a tempo that the uploaded file states. Null if it is not recorded."""
    loudness: Decibels | None = None
    brightness: Hertz | None = None
    noisiness: Share | None = None
    attack: Seconds | None = None
    pitch: Hertz | None = None
    favourite: bool = False
    rating: Rating | None = None
    licence: str | None = None
    tags: tuple[SearchTag, ...] = ()
    distance: Distance | None = None
    """From what `like` names, in a search with `like`."""


class FacetCount(Message):
    """How many results have a value."""

    value: str
    count: Annotated[int, Field(ge=0)]


class Facets(Message):
    """How many results have each value, most frequent first.

    The counts of a field ignore the query's own filter of that field, so they tell what another
    choice would give. Values without results are left out.
    """

    kinds: tuple[FacetCount, ...] = ()
    classes: tuple[FacetCount, ...] = ()
    stems: tuple[FacetCount, ...] = ()
    keys: tuple[FacetCount, ...] = ()
    """By Camelot code."""
    tags: tuple[FacetCount, ...] = ()
    licences: tuple[FacetCount, ...] = ()
    ratings: tuple[FacetCount, ...] = ()
    favourites: Annotated[int, Field(ge=0)] = 0
    in_doubt: Annotated[int, Field(ge=0)] = 0


class HistogramField(StrEnum):
    """A measured value whose distribution a search can count."""

    BPM = MeasuredField.BPM.value
    """Tempo in beats per minute, in intervals of equal width."""
    DURATION = MeasuredField.DURATION.value
    """Length in seconds, in intervals that grow with the length: 1, 1.5, 2, 3, 5, 7, 10 …"""


class Histogram(Message):
    """How many results have a value in each interval.

    The edges depend on all items of the owner and not on the search, so they stay while filters
    change. The counts ignore the query's own filter of the field. Without any value both are empty.
    """

    edges: tuple[float, ...]
    """Limits of the intervals, ascending, `[intervals + 1]`; at most 81."""
    counts: tuple[Annotated[int, Field(ge=0)], ...]
    """`[intervals]`. An interval includes its lower edge, and the last one also its upper edge."""


class SearchResult(Message):
    """Rows of a search. The order is kept for a few minutes as a snapshot, by offset."""

    items: tuple[SearchHit, ...]
    total: Annotated[int, Field(ge=0)]
    """Number of results of the search."""
    offset: Annotated[int, Field(ge=0)]
    """Position of the first row."""
    next: str | None = None
    """The `cursor` of the following page."""
    snapshot: str
    """Send it with the same query and an `offset` to read other rows of the same results. An
    answer with another snapshot means that the search was done again."""
    query: str
    """The whole search in the query language, in its shortest form."""
    understood: tuple[Understood, ...] = ()
    """What each part of `q` was understood as."""
    facets: Facets | None = None
    """Present if `counts` was requested."""
    histograms: dict[HistogramField, Histogram] | None = None
    """Present if `histograms` was requested."""
