"""Which documents match a query: full-text index, collections, saved searches and columns."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.search import SearchGroup, SearchQuery, Term
from services.library.search.columns import Columns
from services.library.search.filters import Matches, ProposedItems, TextMatches
from services.library.search.fulltext import DocumentIds, find_all
from services.library.search.limits import check, refusal
from services.library.search.repository import deleting_documents, documents_in, songs_named
from services.library.search.text import words_of
from services.library.search.values import is_id

SavedQueries = Callable[[AsyncSession, str, Sequence[str]], Awaitable[list[SearchQuery]]]
"""Returns the queries of an owner's saved searches with some names or ids."""
MAX_NESTED = 16
"""Saved searches that one search may use, directly or through each other."""


@dataclass(slots=True)
class Matcher:
    """Finds the documents that match one query, within one session.

    Parameters
    ----------
    columns
        The documents to choose from.
    proposed
        What the taught tags of the query propose.
    few
        Whether `columns` holds only a few of the owner's documents, at most a few thousand: then
        words are looked up in these alone.
    """

    session: AsyncSession
    owner: str
    columns: Columns
    saved: SavedQueries
    proposed: ProposedItems = field(default_factory=dict)
    few: bool = False
    nested: int = 0

    async def match(self, query: SearchQuery) -> Matches:
        """Return which documents match a query.

        Raises
        ------
        ProblemError
            The query uses too many saved searches, or one that cannot be part of another search.
        """
        texts = await self._find_texts(query)
        return await asyncio.to_thread(Matches, self.columns, query, texts)

    async def _find_texts(self, query: SearchQuery) -> TextMatches:
        """Return what the database finds for a query."""
        session, owner = self.session, self.owner
        among = self.columns.ids if self.few else None
        plain = [t for t in query.terms if not (t.negated or t.classes or t.sound_word)]
        others = [term for term in query.terms if term not in plain]
        songs: list[str] = []
        for source in query.sources:
            if is_id(source):
                songs.append(source)
            else:
                term = Term(text=" ".join(words_of(source)))
                named = await find_all(session, owner, (term,))
                songs += await songs_named(session, named)
        within, without = [], []
        if query.collections:
            within.append(await documents_in(session, owner, query.collections))
        if query.not_collections:
            without.append(await documents_in(session, owner, query.not_collections))
        if query.saved:
            within.append(await self._found_by(query.saved))
        if query.not_saved:
            without.append(await self._found_by(query.not_saved))
        for group in query.groups:
            (without if group.negated else within).append(await self._of_group(group))
        return TextMatches(
            words=await find_all(session, owner, plain, among=among) if plain else None,
            # Only documents that have all plain words can match: fewer are read.
            terms=[
                (term, await find_all(session, owner, (*plain, term), among=among))
                for term in others
            ],
            songs=songs,
            within=within,
            without=without,
            deleting=await deleting_documents(session, owner),
            proposed=self.proposed,
        )

    async def _of_group(self, group: SearchGroup) -> DocumentIds:
        """Return the documents that match any alternative of a group."""
        ids = [
            self.columns.ids[(await self.match(alternative)).mask]
            for alternative in group.alternatives
        ]
        return np.concatenate(ids)

    async def _found_by(self, names: Sequence[str]) -> DocumentIds:
        """Return the documents that any of some saved searches finds."""
        parts = [np.empty(0, np.int64)]
        for query in await self.saved(self.session, self.owner, names):
            self.nested += 1
            if self.nested > MAX_NESTED:
                raise refusal(
                    "query.q",
                    f"This search uses more than {MAX_NESTED} saved searches, or saved searches "
                    "that use each other in a circle. Name fewer after `search:`.",
                )
            if query.like is not None or proposed_tags(query):
                raise refusal(
                    "query.q",
                    "A saved search with `like:` or `proposed:` cannot be part of another search. "
                    "Save it without them, or open it on its own.",
                )
            check(query)
            matches = await self.match(query)
            parts.append(self.columns.ids[matches.mask])
        return np.concatenate(parts)


def proposed_tags(query: SearchQuery) -> list[str]:
    """Return the taught tags whose proposals a query asks for, in its groups too."""
    queries = query.with_alternatives()
    return list(
        dict.fromkeys(name for each in queries for name in (*each.proposed, *each.not_proposed))
    )
