"""`/search`: an owner's items by text, by facets and in any order."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from contracts.base import StrictModel
from contracts.ids import CollectionId, SubjectId
from contracts.items import ItemKind
from contracts.music import Stem
from contracts.problems import FieldProblem, ProblemCode
from contracts.search import (
    MAX_QUERY_LENGTH,
    HistogramField,
    KeyFilter,
    MeasuredField,
    SearchQuery,
    SearchResult,
    Sort,
    SortField,
    Stars,
    TimeRange,
    ValueRange,
)
from contracts.tagging import SoundClass
from kit.http.errors import ProblemError
from kit.http.pagination import MAX_LIMIT
from kit.http.routes import GuardedRoute
from services.library.routes.context import REFUSED, Context, Reader
from services.library.search.language import merge_queries, parse_query
from services.library.search.searching import SearchRequest
from services.library.search.snapshots import LIFETIME
from services.library.search.text import normalized
from services.library.search.values import (
    is_id,
    name_key,
    read_key,
    read_limits,
    read_period,
)

_MAX_VALUES = 20
_LONGEST_VALUE = 100
TextValue = Annotated[str, StringConstraints(max_length=_LONGEST_VALUE)]
TextValues = Annotated[tuple[TextValue, ...], Field(max_length=_MAX_VALUES)]
Range = Annotated[
    str,
    Field(max_length=40, description="`118-128`, `118..128`, `<0.5`, `>=2` or one number."),
]


class SearchParams(StrictModel):
    """The query parameters. Lists are sent as one parameter for each value."""

    q: Annotated[
        str,
        Field(
            max_length=MAX_QUERY_LENGTH,
            description="A search in the query language: words and `field:value`. The other "
            "parameters are added to it.",
            examples=['dusty snare bpm:118-128 key:Am~ -loop from:"evening" tag:vinyl len:<0.5'],
        ),
    ] = ""
    kind: Annotated[tuple[ItemKind, ...], Field(max_length=_MAX_VALUES)] = ()
    not_kind: Annotated[tuple[ItemKind, ...], Field(max_length=_MAX_VALUES)] = ()
    sound_class: Annotated[tuple[SoundClass, ...], Field(max_length=_MAX_VALUES)] = ()
    not_sound_class: Annotated[tuple[SoundClass, ...], Field(max_length=_MAX_VALUES)] = ()
    stem: Annotated[tuple[Stem, ...], Field(max_length=_MAX_VALUES)] = ()
    not_stem: Annotated[tuple[Stem, ...], Field(max_length=_MAX_VALUES)] = ()
    tag: Annotated[TextValues, Field(description="Items that have all of these tags.")] = ()
    not_tag: TextValues = ()
    licence: TextValues = ()
    not_licence: TextValues = ()
    key: Annotated[
        TextValues,
        Field(
            description="`Am` or `8A`; `Am~` also finds compatible keys, `Am~relative` also the "
            "relative key."
        ),
    ] = ()
    bpm: Range | None = None
    bpm_fold: Annotated[bool, Field(description="Whether half and double the tempo match too.")] = (
        False
    )
    duration: Annotated[Range | None, Field(description="Seconds.")] = None
    loudness: Annotated[Range | None, Field(description="LUFS.")] = None
    brightness: Annotated[Range | None, Field(description="Spectral centroid, Hz.")] = None
    noisiness: Annotated[Range | None, Field(description="Spectral flatness, 0 to 1.")] = None
    attack: Annotated[Range | None, Field(description="Seconds.")] = None
    pitch: Annotated[Range | None, Field(description="Hz.")] = None
    source: Annotated[
        TextValues,
        Field(description="Ids of items, or words of songs' names: what was cut from these."),
    ] = ()
    collection: Annotated[
        tuple[CollectionId, ...],
        Field(max_length=_MAX_VALUES, description="Ids of your collections: what one holds."),
    ] = ()
    not_collection: Annotated[
        tuple[CollectionId, ...],
        Field(max_length=_MAX_VALUES, description="Ids of your collections: what none holds."),
    ] = ()
    saved: Annotated[
        TextValues,
        Field(description="Names or ids of your saved searches: what one of them finds."),
    ] = ()
    not_saved: Annotated[
        TextValues,
        Field(description="Names or ids of your saved searches: what none of them finds."),
    ] = ()
    favourite: bool | None = None
    min_rating: Stars | None = None
    in_doubt: Annotated[
        bool | None, Field(description="Whether the confidence of the class is below 0.62.")
    ] = None
    created: Annotated[
        str | None,
        Field(max_length=60, description="`2026-05`, `2026-05-01..2026-06-15`, `<2026`; UTC."),
    ] = None
    like: Annotated[
        SubjectId | None,
        Field(description="An item or query sound that results should sound like."),
    ] = None
    sort: Annotated[
        str | None,
        Field(
            pattern=r"^-?(relevance|created|name|bpm|duration|near)$",
            description="`relevance`, `created`, `name`, `bpm`, `duration` or, with `like`, "
            "`near`; with `-` in front, descending.",
        ),
    ] = None
    counts: Annotated[bool, Field(description="Whether to count facets.")] = False
    histograms: Annotated[
        str | None,
        Field(
            pattern=r"^(bpm|duration)(,(bpm|duration))?$",
            description="Count how many results have a tempo or length in each interval: `bpm`, "
            "`duration` or `bpm,duration`.",
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Rows of a page.")] = 50
    offset: Annotated[int, Field(ge=0, le=1 << 40, description="Position of the first row.")] = 0
    cursor: Annotated[
        str | None,
        Field(max_length=2000, description="`next` of the page before; in place of `offset`."),
    ] = None
    snapshot: Annotated[
        str | None,
        Field(
            max_length=100,
            description="`snapshot` of an earlier answer to the same search: rows at any `offset` "
            f"of those results, for {timedelta(seconds=LIFETIME).seconds // 60} minutes.",
        ),
    ] = None

    def to_query(self) -> SearchQuery:
        """Return the search that the parameters other than `q` ask for.

        Raises
        ------
        ProblemError
            A range, key or date cannot be read.
        """
        fields: dict[str, Any] = {
            "kinds": self.kind,
            "not_kinds": self.not_kind,
            "classes": self.sound_class,
            "not_classes": self.not_sound_class,
            "stems": self.stem,
            "not_stems": self.not_stem,
            "tags": _names(self.tag),
            "not_tags": _names(self.not_tag),
            "licences": _names(self.licence),
            "not_licences": _names(self.not_licence),
            "keys": tuple(map(_key, self.key)),
            "sources": _sources(self.source),
            "collections": self.collection,
            "not_collections": self.not_collection,
            "saved": _names(self.saved),
            "not_saved": _names(self.not_saved),
            "bpm_fold": self.bpm_fold or None,
            "favourite": self.favourite,
            "min_rating": self.min_rating,
            "in_doubt": self.in_doubt,
            "like": self.like,
            "created": _period(self.created) if self.created is not None else None,
            "sort": _sort(self.sort) if self.sort is not None else None,
        }
        for measure in MeasuredField:
            if (text := getattr(self, measure.value)) is not None:
                fields[measure.value] = _limits(measure, text)
        return SearchQuery(**{k: v for k, v in fields.items() if v is not None and v != ()})


def search_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/search", tags=["search"], responses=REFUSED
    )

    @router.get("")
    async def search(principal: Reader, params: Annotated[SearchParams, Query()]) -> SearchResult:
        """Search items by text and facets; count the values of every facet.

        Each answer holds one page. Read further pages by `cursor`, or any rows by `snapshot` and
        `offset`.
        """
        query, understood = parse_query(params.q)
        request = SearchRequest(
            query=merge_queries(query, params.to_query()),
            understood=understood,
            counts=params.counts,
            histograms=tuple(map(HistogramField, (params.histograms or "").split(",")))
            if params.histograms
            else (),
            limit=params.limit,
            offset=params.offset,
            cursor=params.cursor,
            snapshot=params.snapshot,
        )
        return await server.searches.search(principal, request)

    return router


def _names(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(name_key, values))))


def _sources(values: tuple[str, ...]) -> tuple[str, ...]:
    names = (value if is_id(value) else normalized(value) for value in values)
    return tuple(dict.fromkeys(filter(None, names)))


def _key(text: str) -> KeyFilter:
    key = read_key(text)
    if key is None:
        raise _unreadable("key", "a key such as `Am`, `8A` or `F#m~`")
    return key


def _limits(measure: MeasuredField, text: str) -> ValueRange:
    limits = read_limits(text)
    if limits is None:
        raise _unreadable(measure, "a range such as `118-128`, `<0.5` or `>=2`")
    return limits


def _period(text: str) -> TimeRange:
    period = read_period(text)
    if period is None:
        raise _unreadable("created", "dates such as `2026-05` or `2026-05-01..2026-06-15`")
    return period


def _sort(text: str) -> Sort:
    field = SortField(text.removeprefix("-"))
    best_first = field in (SortField.RELEVANCE, SortField.NEAR)
    descending = text.startswith("-") and not best_first
    return Sort(field=field, descending=descending)


def _unreadable(name: str, expected: str) -> ProblemError:
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"The parameter `{name}` cannot be read. Send {expected}.",
        fields=(FieldProblem(field=f"query.{name}", message=f"use {expected}"),),
    )
