"""Matches saved searches against the documents that changed, and reports what they newly find.

The transaction of a change increments the owner's revision. One library of the server then reads
the documents that changed since the searches were matched last and matches only those, so the work
depends on how much changed and not on how many items an owner has. Searches whose results depend
on more than a document (collections, names of songs, other saved searches) are matched in full,
which takes as long as searching once. What was found is stored in the transaction that writes the
events, so nothing is reported twice or lost.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.music import Seconds
from contracts.problems import ProblemCode
from contracts.search import SearchQuery
from kit.database.engine import Database
from kit.http.errors import ProblemError
from services.library.background import lead, until
from services.library.jobs.locks import hold_owner
from services.library.saved_searches.events import MAX_REPORTED, emit_search_matched
from services.library.saved_searches.repository import saved_queries
from services.library.saved_searches.results import (
    NONE,
    NewResults,
    Results,
    apply_changes,
    decode_ids,
)
from services.library.saved_searches.tables import (
    SavedSearchResultRow,
    SavedSearchRevisionRow,
    SavedSearchRow,
)
from services.library.search.columns import Columns, changes_since
from services.library.search.documents import DOCUMENTS_CHANGED
from services.library.search.fulltext import DocumentIds
from services.library.search.language import parse_query
from services.library.search.matching import Matcher
from services.library.search.repository import deleting_documents
from services.library.search.searching import Searches
from services.library.search.tables import SearchDocumentRow, SearchRevisionRow

POLL: Seconds = 2.0
"""Changes of other processes wait so long at most."""
PAUSE: Seconds = 1.0
"""Pause after each round: what changes meanwhile is matched together."""


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round has to match."""

    owner: str
    since: int
    target: int
    changed: Columns
    hidden: DocumentIds
    searches: Sequence[SavedSearchRow]
    results: Mapping[str, Results]


class SavedSearchMatcher:
    """Matches saved searches as items change; of several, one is active.

    Parameters
    ----------
    pause
        Pause after each round.
    """

    def __init__(self, database: Database, searches: Searches, *, pause: Seconds = PAUSE) -> None:
        self._database = database
        self._searches = searches
        self._pause = pause

    async def run(self, stopping: asyncio.Event) -> None:
        """Match until `stopping` is set."""
        await until(
            stopping,
            lead(self._database, "saved searches", DOCUMENTS_CHANGED, self._round, poll=POLL),
        )

    async def _round(self) -> bool:
        again = await self.match()
        if again:
            await asyncio.sleep(self._pause)
        return again

    async def match(self) -> bool:
        """Match the searches of one owner whose documents changed; return whether there was one."""
        async with self._database.session() as session:
            work = await _next_round(session)
            if work is None:
                return False
            matched = {
                search.id: await self._match_changed(session, work, parse_query(search.q)[0])
                for search in work.searches
                if not search.wide and work.changed.size
            }
        for search in work.searches:
            if search.wide:
                matches = await self._match_all(work.owner, parse_query(search.q)[0])
                if matches is None:
                    return False
                matched[search.id] = matches
        changes = await asyncio.to_thread(_changes, work, matched)
        async with self._database.transaction() as session:
            await hold_owner(session, work.owner)
            await _write(session, work, changes)
        return True

    async def _match_changed(
        self, session: AsyncSession, work: _Round, query: SearchQuery
    ) -> DocumentIds:
        """Return which of the changed documents match a query."""
        matcher = Matcher(session, work.owner, work.changed, saved_queries, few=True)
        matches = await matcher.match(query)
        return work.changed.ids[matches.mask]

    async def _match_all(self, owner: str, query: SearchQuery) -> DocumentIds | None:
        """Return all documents that match a query, or `None` if that must wait."""
        try:
            matches, _ = await self._searches.all_matching(owner, query)
        except ProblemError as error:
            # Saved searches that were changed later may use each other in a circle.
            return NONE if error.code == ProblemCode.INVALID_REQUEST else None
        return matches


async def _next_round(session: AsyncSession) -> _Round | None:
    state, documents = SavedSearchRevisionRow, SearchRevisionRow
    behind = (
        select(col(state.owner), col(state.revision), col(documents.revision))
        .join(documents, col(documents.owner) == col(state.owner))
        .where(col(state.revision) < col(documents.revision))
        .order_by(col(state.owner))
        .limit(1)
    )
    # Read before the changes: all changes up to this revision are committed.
    row = (await session.execute(behind)).one_or_none()
    if row is None:
        return None
    owner, since, current = row
    changed, reached = await changes_since(session, owner, since)
    stored = (
        select(SavedSearchRow, SavedSearchResultRow)
        .join(SavedSearchResultRow, col(SavedSearchResultRow.search) == col(SavedSearchRow.id))
        .where(col(SavedSearchRow.owner) == owner)
    )
    rows = (await session.execute(stored)).all()
    hidden = await deleting_documents(session, owner)
    results = await asyncio.to_thread(
        lambda: {
            result.search: Results(decode_ids(result.matches), decode_ids(result.fresh))
            for _, result in rows
        }
    )
    return _Round(
        owner=owner,
        since=since,
        target=current if reached is None else reached,
        changed=changed,
        hidden=hidden,
        searches=[search for search, _ in rows],
        results=results,
    )


def _changes(work: _Round, matched: Mapping[str, DocumentIds]) -> dict[str, NewResults]:
    """Return the new results of the searches that were matched."""
    changes = {}
    for search in work.searches:
        # Without changed documents the numbers still change with what is hidden.
        before, matches = work.results[search.id], matched.get(search.id, NONE)
        candidates = before.matches if search.wide else work.changed.ids
        unmatched = np.setdiff1d(candidates, matches)
        changes[search.id] = apply_changes(before, matches, unmatched, work.hidden)
    return changes


async def _write(session: AsyncSession, work: _Round, changes: Mapping[str, NewResults]) -> None:
    """Store new results and report them, unless a search was opened or edited meanwhile.

    The caller holds the owner's lock.
    """
    state = await session.get(SavedSearchRevisionRow, work.owner)
    query = select(SavedSearchRow).where(col(SavedSearchRow.owner) == work.owner)
    rows = {row.id: row for row in await session.scalars(query)}
    if state is None or state.revision != work.since:
        return
    for search in work.searches:
        now = rows.get(search.id)
        if now is not None and (now.updated, now.seen) != (search.updated, search.seen):
            # The next round matches again with what is stored now.
            return
    for id_, change in changes.items():
        if (row := rows.get(id_)) is None:
            continue
        row.total, row.new = change.total, change.new
        if change.encoded is not None:
            stored = await session.get(SavedSearchResultRow, id_)
            if stored is not None:
                stored.matches, stored.fresh = change.encoded
        if row.notify and len(change.added):
            items = await _items_of(session, change.added[:MAX_REPORTED])
            await emit_search_matched(session, row, items, added=len(change.added))
    state.revision = work.target
    await session.flush()


async def _items_of(session: AsyncSession, ids: DocumentIds) -> list[str]:
    query = (
        select(col(SearchDocumentRow.item))
        .where(col(SearchDocumentRow.id).in_(ids.tolist()))
        .order_by(col(SearchDocumentRow.id))
    )
    return list(await session.scalars(query))
