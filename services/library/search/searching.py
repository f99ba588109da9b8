"""Searches: the full-text index and the columns in memory, joined into one answer."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.identity import Principal
from contracts.ids import SubjectId
from contracts.search import (
    Facets,
    Histogram,
    HistogramField,
    SearchHit,
    SearchQuery,
    SearchResult,
    SortField,
    Understood,
)
from contracts.similarity import SimilarityDials, SimilarSounds
from kit.clock import Clock
from kit.database.engine import Database
from services.library.catalogue.search_limits import Turns
from services.library.search.cache import ColumnCache
from services.library.search.classes import ItemClasses, item_classes
from services.library.search.columns import Columns, refresh
from services.library.search.cursors import SearchCursor, decode_cursor, encode_cursor
from services.library.search.filters import Matches, ProposedItems
from services.library.search.fulltext import DocumentIds, rank
from services.library.search.language import format_query
from services.library.search.likeness import MAX_NEAR, find_examples, nearest
from services.library.search.limits import check
from services.library.search.matching import Matcher, SavedQueries, proposed_tags
from services.library.search.ranking import (
    MAX_RANKED,
    Near,
    Ranking,
    by_column,
    by_name,
    by_nearness,
    by_relevance,
    default_sort,
)
from services.library.search.repository import (
    FoundRow,
    deleting_documents,
    documents_of,
    documents_of_items,
    ids_by_name,
    next_by_name,
)
from services.library.search.snapshots import Distances, Snapshots
from services.library.search.views import hit_to_api, similar_to_api
from services.library.similarity.sound_vectors import SoundVectors
from services.library.teaching.proposals import Proposals

TIES = 200
"""Items read beyond the end of a first page, so that the next one begins right among equals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityRequest:
    """What results should sound like.

    Parameters
    ----------
    weights
        How much each item or query sound counts, by id; a negative weight subtracts its sound.
    dials
        How much each aspect counts.
    limit
        Number of results.
    cursor
        Where the page before ended.
    """

    weights: Mapping[str, float]
    dials: SimilarityDials
    limit: int = 20
    cursor: SearchCursor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A search and the rows of it to return.

    Parameters
    ----------
    query
        What to search for.
    understood
        What the parts of the query's text mean.
    counts
        Whether to count facets.
    histograms
        Measured values whose distribution to count.
    limit
        Number of rows.
    offset
        Position of the first row.
    cursor
        Where the page before ended; in place of `offset`.
    snapshot
        The results of an earlier answer, to read other rows of.
    """

    query: SearchQuery
    understood: tuple[Understood, ...] = ()
    counts: bool = False
    histograms: tuple[HistogramField, ...] = ()
    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    snapshot: str | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """The results of a search, and the position of the first row to return."""

    ranking: Ranking
    facets: Facets | None
    histograms: dict[HistogramField, Histogram] | None
    offset: int

    def cursor_after(self, place: int, rows: Sequence[FoundRow]) -> str | None:
        """Return the cursor of the rows from a position on, if there are any.

        Parameters
        ----------
        place
            The position.
        rows
            The rows before it, as they are returned.
        """
        ids, sort = self.ranking.ids, self.ranking.sort
        if not rows or place >= len(ids):
            return None
        last = rows[-1][0]
        by_name = sort.field is SortField.NAME
        key = last.name_key if by_name else float(self.ranking.keys[place - 1])
        return encode_cursor(SearchCursor(sort, key, int(ids[place - 1])))


class Searches:
    """Searches the items of owners.

    Parameters
    ----------
    database
        The library's database.
    clock
        For the lifetimes of snapshots.
    max_bytes
        Memory for columns of owners; the columns of one owner may take more.
    at_once
        Searches that may run at a time; an owner has one.
    vectors
        The vectors of items.
    proposals
        What taught tags propose.
    saved
        The queries of saved searches.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        max_bytes: int,
        at_once: int,
        vectors: SoundVectors,
        proposals: Proposals,
        saved: SavedQueries,
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._proposals = proposals
        self._saved = saved
        self._columns = ColumnCache(clock, max_bytes=max_bytes)
        self._snapshots = Snapshots(clock)
        self._turns = Turns(at_once)

    async def search(self, principal: Principal, request: SearchRequest) -> SearchResult:
        """Return rows of a search.

        Raises
        ------
        ProblemError
            The query has too many words, or the cursor is of another search.
        """
        check(request.query)
        text = format_query(request.query)
        owner = principal.owner
        facets, histograms, following, known = None, None, None, None
        counted = request.counts or request.histograms
        if request.snapshot is not None and not counted and request.cursor is None:
            known = self._snapshots.get(request.snapshot, owner, text)
        if known is not None:
            results, distances = known
            snapshot, offset = str(request.snapshot), request.offset
            async with self._database.session() as session:
                rows = await documents_of(session, owner, _page(results, offset, request.limit))
        else:
            async with self._turns.of(owner):
                # Before the session, so that a search never waits for a second connection.
                proposed = await self._proposed_items(owner, request.query)
                near = await self._near_item(owner, request.query, proposed)
                async with self._database.session() as session:
                    answer = await self._find(session, owner, request, near, proposed)
                    results, offset = answer.ranking.ids, answer.offset
                    facets, histograms = answer.facets, answer.histograms
                    page = _page(results, offset, request.limit)
                    rows = await documents_of(session, owner, page)
            distances = None if near is None else near.distances_of(results)
            snapshot = self._snapshots.add(owner, text, results, distances)
            following = answer.cursor_after(offset + request.limit, rows)
        return SearchResult(
            items=await self._hits(owner, rows, _by_document(results, distances)),
            total=len(results),
            offset=offset,
            next=following,
            snapshot=snapshot,
            query=text,
            understood=request.understood,
            facets=facets,
            histograms=histograms,
        )

    async def all_matching(self, owner: str, query: SearchQuery) -> tuple[DocumentIds, int]:
        """Return all documents that match a query without `like:`, ascending, and their revision.

        Raises
        ------
        ProblemError
            The query has too many words, or uses too many saved searches.
        """
        check(query)
        async with self._turns.of(owner):
            proposed = await self._proposed_items(owner, query)
            async with self._database.session() as session:
                columns, matches = await self._match(session, owner, query, proposed)
                return columns.ids[matches.mask], columns.revision

    async def similar(
        self, principal: Principal, query: SearchQuery, request: SimilarityRequest
    ) -> SimilarSounds:
        """Return the items that sound most like some sounds of the caller, which match a query.

        Parameters
        ----------
        query
            Its order is ignored.

        Raises
        ------
        ProblemError
            The sounds cannot be compared with each other or by these dials, or cancel out.
        """
        check(query)
        owner, limit, cursor = principal.owner, request.limit, request.cursor
        examples = await find_examples(self._database, self._vectors, owner, request.weights)
        async with self._turns.of(owner):
            proposed = await self._proposed_items(owner, query)
            async with self._database.session() as session:
                columns, matches = await self._match(session, owner, query, proposed)
            near = await nearest(
                self._vectors, owner, columns, matches.mask, examples, request.dials,
                # Pages after the first need the order of all.
                limit=MAX_NEAR if cursor is not None else limit + TIES,
            )  # fmt: skip
            ranking = await asyncio.to_thread(by_nearness, columns, matches.mask, near)
            start = 0 if cursor is None else ranking.place_after(cursor)
            async with self._database.session() as session:
                rows = await documents_of(session, owner, _page(ranking.ids, start, limit))
        hits = await self._hits(owner, rows)
        known = {example.id for example in examples}
        return SimilarSounds(
            items=similar_to_api(
                hits,
                [row[0] for row in rows],
                near,
                [(example.measured, example.weight) for example in examples],
            ),
            missing=tuple(SubjectId(id_) for id_ in request.weights if id_ not in known),
            next=ranking.cursor_at(start + limit),
        )

    async def classes(self, owner: str) -> ItemClasses:
        """Return the items of an owner that are not being deleted, with their classes."""
        async with self._turns.of(owner), self._database.session() as session:
            columns = await self._refreshed(session, owner)
            deleting = await deleting_documents(session, owner)
            return await asyncio.to_thread(item_classes, columns, deleting)

    async def hits(self, principal: Principal, items: Collection[str]) -> dict[str, SearchHit]:
        """Return what the search knows of items of the caller; those of others are left out."""
        owner = principal.owner
        async with self._database.session() as session:
            documents = await documents_of_items(session, owner, items)
            ids = np.array([document.id for document in documents], np.int64)
            rows = await documents_of(session, owner, ids)
        hits = await self._hits(owner, rows)
        return {hit.item.id: hit for hit in hits}

    async def _hits(
        self, owner: str, rows: Sequence[FoundRow], distances: Mapping[int, float] | None = None
    ) -> tuple[SearchHit, ...]:
        """Return results with the tags that are proposed for them; no session is open."""
        proposed = await self._proposals.of_items(owner, [item.id for _, item, _ in rows])
        far = distances or {}
        return tuple(
            hit_to_api(
                *row, proposed=proposed.get(row[1].id, ()), distance=far.get(int(row[0].id or 0))
            )
            for row in rows
        )

    async def _proposed_items(self, owner: str, query: SearchQuery) -> ProposedItems:
        """Return the items for which the tags of a query are proposed; no session is open."""
        return {name: await self._proposals.items_of(owner, name) for name in proposed_tags(query)}

    async def _near_item(
        self, owner: str, query: SearchQuery, proposed: ProposedItems
    ) -> Near | None:
        """Return what sounds like the item or query sound that a query names, if it names one."""
        if query.like is None:
            return None
        examples = await find_examples(self._database, self._vectors, owner, {query.like: 1.0})
        async with self._database.session() as session:
            columns, matches = await self._match(session, owner, query, proposed)
        return await nearest(
            self._vectors, owner, columns, matches.mask, examples, SimilarityDials()
        )

    async def _match(
        self, session: AsyncSession, owner: str, query: SearchQuery, proposed: ProposedItems
    ) -> tuple[Columns, Matches]:
        """Return an owner's columns as they are now, and which documents match a query."""
        columns = await self._refreshed(session, owner)
        matcher = Matcher(session, owner, columns, self._saved, proposed=proposed)
        return columns, await matcher.match(query)

    async def _refreshed(self, session: AsyncSession, owner: str) -> Columns:
        """Return an owner's columns as they are now."""
        columns = self._columns.get(owner)
        await refresh(session, owner, columns)
        self._columns.shrink()
        return columns

    async def _find(
        self,
        session: AsyncSession,
        owner: str,
        request: SearchRequest,
        near: Near | None,
        proposed: ProposedItems,
    ) -> _Answer:
        query = request.query
        columns, matches = await self._match(session, owner, query, proposed)
        if near is not None:
            matches.restrict(near.ids)
        sort = default_sort(query)
        cursor = decode_cursor(request.cursor, sort) if request.cursor is not None else None
        offset = request.offset
        if sort.field is SortField.NAME:
            named = await columns_by_name(session, owner, columns)
            ranking = await asyncio.to_thread(by_name, columns, matches.mask, sort, named)
            if cursor is not None:
                offset = await _place_of_name(session, owner, ranking, named, cursor)
        elif near is not None and sort.field is SortField.NEAR:
            ranking = await asyncio.to_thread(by_nearness, columns, matches.mask, near)
        elif sort.field is SortField.RELEVANCE:
            ranking = await _by_relevance(session, owner, columns, matches, query)
        else:
            ranking = await asyncio.to_thread(by_column, columns, matches.mask, sort)
        if cursor is not None and sort.field is not SortField.NAME:
            offset = ranking.place_after(cursor)
        facets = await asyncio.to_thread(matches.facets) if request.counts else None
        histograms = None
        if request.histograms:
            histograms = await asyncio.to_thread(matches.histograms, request.histograms)
        return _Answer(ranking, facets, histograms, offset)


def _by_document(ids: DocumentIds, distances: Distances) -> dict[int, float] | None:
    return None if distances is None else dict(zip(ids.tolist(), distances.tolist(), strict=True))


def _page(ids: DocumentIds, offset: int, limit: int) -> DocumentIds:
    return ids[offset : offset + limit]


async def _by_relevance(
    session: AsyncSession, owner: str, columns: Columns, matches: Matches, query: SearchQuery
) -> Ranking:
    positive = list(query.positive_terms())
    results = columns.ids[matches.mask]
    ids, ranks = np.empty(0, np.int64), np.empty(0)
    if 0 < len(results) <= MAX_RANKED:
        ids, ranks = await rank(session, owner, positive, results)
    return await asyncio.to_thread(by_relevance, columns, matches.mask, positive, ids, ranks)


async def columns_by_name(session: AsyncSession, owner: str, columns: Columns) -> DocumentIds:
    """Return the ids of an owner's documents by name: read once for each revision."""
    if columns.named is None:
        columns.named = await ids_by_name(session, owner)
    return columns.named


async def _place_of_name(
    session: AsyncSession, owner: str, ranking: Ranking, named: DocumentIds, cursor: SearchCursor
) -> int:
    """Return the position of the first result after a cursor in the order of names."""
    descending = ranking.sort.descending
    following = await next_by_name(
        session, owner, str(cursor.key), cursor.id, descending=descending
    )
    places = np.flatnonzero(named == following)
    if not len(places):
        return len(ranking.ids)
    place = float(places[0])
    return int(np.searchsorted(ranking.keys, -place if descending else place))
