"""Lists of recommendations as their owner reads them, and dismissals."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.collections import ShareRole
from contracts.identity import Principal
from contracts.recommendations import (
    DismissedRecommendation,
    Recommendations,
    RecommendationState,
    RecommendationTarget,
)
from contracts.search import SearchQuery
from kit.database.engine import Database, database_of
from kit.database.notifications import notify_on_commit
from kit.database.upsert import insert_into
from kit.http.errors import not_found
from kit.http.pagination import Cursor, PageQuery, encode_cursor
from kit.vectors.ids import unpack
from services.library.access import Action, may
from services.library.catalogue.repository import Repository
from services.library.catalogue.views import item_to_api
from services.library.collections.repository import Collections
from services.library.jobs.locks import hold_owner
from services.library.recommendations.candidates import DTYPE
from services.library.recommendations.listeners import outdate
from services.library.recommendations.repository import (
    documents_among,
    excluded_among,
    names_of,
    page_of_dismissals,
)
from services.library.recommendations.tables import (
    RecommendationDismissalRow,
    RecommendationListRow,
)
from services.library.recommendations.views import advice_of, recommendations_to_api
from services.library.search.limits import refusal
from services.library.search.searching import Searches
from services.library.similarity.sound_vectors import UNSCORED

MAX_LISTS = 100
"""Lists that are kept up to date for one owner: those that were read last. Others are computed
again when somebody reads them."""
_READ_AGAIN = timedelta(hours=1)
"""How old the time of the last reading may be before it is written again."""
_SHARED = uuid.UUID("5a0c2f0e-9d1b-5b7e-8c55-3e6f1d2a4b90")
"""With an editor and a collection of another owner it gives the id of the editor's list."""
_ROW = RecommendationListRow


@dataclass(frozen=True, slots=True)
class _Target:
    """What a list is for: its id, and the collection if it is not for the account."""

    id: str
    collection: str | None = None
    shared: bool = False
    """Whether another owner shares the collection with the caller."""
    stored: bool = True
    """Whether the collection has a row; a built-in one that was never changed is empty."""


class RecommendationLists:
    """The recommendations of owners.

    Parameters
    ----------
    searches
        Filters recommendations and says what is known of their items.
    """

    def __init__(self, database: Database, searches: Searches) -> None:
        self._database = database
        self._searches = searches

    async def read(
        self,
        principal: Principal,
        target: RecommendationTarget,
        query: SearchQuery,
        limit: int,
    ) -> Recommendations:
        """Return recommendations; a list that nobody has read is computed from now on.

        Parameters
        ----------
        query
            Filters; the order is that of the recommendations.
        limit
            Recommendations to return.

        Raises
        ------
        ProblemError
            The caller may not add to the collection, or the query cannot filter.
        """
        if query.like is not None:
            raise refusal(
                "query.q",
                "Recommendations have an order of their own, so `like:` cannot filter them. Leave "
                "it out, or use GET /v1/items/{item}/similar.",
            )
        place = await self._target(principal, target)
        row = await self._list(principal.owner, place) if place.stored else None
        if row is not None and row.computed is None:
            return Recommendations(target=target, state=RecommendationState.COMPUTING)
        if row is None or not row.examples:
            return Recommendations(
                target=target,
                state=RecommendationState.NOTHING_TO_LEARN_FROM,
                advice=advice_of(place.collection),
                computed_at=row.computed if row else None,
                outdated=row is not None and row.outdated is not None,
            )
        return await self._fill(principal, target, row, query, limit, shared=place.shared)

    async def dismiss(self, principal: Principal, item: str) -> None:
        """Remember that an item is not to be recommended; a second time changes nothing.

        Raises
        ------
        ProblemError
            Of code `not_found`: no item of the caller has this id.
        """
        async with self._database.transaction() as session:
            await hold_owner(session, principal.owner)
            await Repository(session, principal).item(item, Action.WRITE)
            now = await database_of(session).time(session)
            new = insert_into(database_of(session), RecommendationDismissalRow).values(
                item=item, owner=principal.owner, dismissed=now
            )
            await session.execute(new.on_conflict_do_nothing(index_elements=["item"]))

    async def dismissed(
        self, principal: Principal, request: PageQuery
    ) -> tuple[list[DismissedRecommendation], str | None]:
        """Return a page of dismissed items, last dismissed first, and the next page's cursor."""
        async with self._database.session() as session:
            rows = await page_of_dismissals(session, principal.owner, request)
        listed = [
            DismissedRecommendation(item=item_to_api(item), dismissed=dismissal.dismissed)
            for dismissal, item in rows[: request.limit]
            if may(principal, Action.READ, item)
        ]
        if len(rows) <= request.limit:
            return listed, None
        last = rows[request.limit - 1][0]
        return listed, encode_cursor(Cursor(created=last.dismissed, id=last.item))

    async def undo_dismissal(self, principal: Principal, item: str) -> None:
        """Let an item be recommended again.

        Raises
        ------
        ProblemError
            Of code `not_found`: no item of the caller has this id.
        """
        row = RecommendationDismissalRow
        async with self._database.transaction() as session:
            await hold_owner(session, principal.owner)
            await Repository(session, principal).item(item, Action.WRITE)
            gone = (
                delete(row)
                .where(col(row.item) == item, col(row.owner) == principal.owner)
                .returning(col(row.item))
                .execution_options(synchronize_session=False)
            )
            if (await session.execute(gone)).first() is not None:
                await outdate(session, col(_ROW.owner) == principal.owner)

    async def _target(self, principal: Principal, target: RecommendationTarget) -> _Target:
        kind, _, ref = str(target).partition(":")
        if kind == "account":
            return _Target(principal.owner)
        async with self._database.session() as session:
            collection = await Collections(session, principal).get(ref, Action.READ)
        id_ = collection.row.id
        if collection.share is None:
            return _Target(id_, id_, stored=collection.stored)
        if collection.share is not ShareRole.EDITOR:
            # A viewer cannot add what is recommended.
            raise not_found()
        return _Target(str(uuid.uuid5(_SHARED, f"{principal.owner}:{id_}")), id_, shared=True)

    async def _list(self, owner: str, place: _Target) -> RecommendationListRow:
        """Return a list, which is created if there is none."""
        async with self._database.session() as session:
            row = await session.get(_ROW, place.id)
            now = await database_of(session).time(session)
        if row is not None and now - row.used < _READ_AGAIN:
            return row
        async with self._database.transaction() as session:
            await hold_owner(session, owner)
            row = await session.get(_ROW, place.id, with_for_update=True)
            if row is None:
                row = _ROW(
                    id=place.id, owner=owner, collection=place.collection, outdated=now, used=now
                )
                session.add(row)
                await session.flush()
                await _drop_unread(session, owner)
                notify_on_commit(session, UNSCORED)
            row.used = now
        return row

    async def _fill(
        self,
        principal: Principal,
        target: RecommendationTarget,
        row: RecommendationListRow,
        query: SearchQuery,
        limit: int,
        *,
        shared: bool,
    ) -> Recommendations:
        owner = principal.owner
        candidates = np.frombuffer(row.candidates, DTYPE)
        items = unpack(candidates["item"])
        # Hidden items are left out even by a query without filters.
        matching, _ = await self._searches.all_matching(owner, query)
        async with self._database.session() as session:
            documents = await documents_among(session, owner, items)
            excluded = await excluded_among(session, owner, row.collection, items)
        known = np.array([documents.get(item, -1) for item in items], np.int64)
        left = np.array([item not in excluded for item in items], np.bool_)
        open_ = np.isin(known, matching) & left
        shown = candidates[open_][:limit]
        async with self._database.session() as session:
            names = await names_of(
                session,
                owner,
                set(unpack(shown["example"])),
                collection=row.collection if shared else None,
            )
        hits = await self._searches.hits(principal, unpack(shown["item"]))
        return Recommendations(
            target=target,
            state=RecommendationState.READY,
            items=recommendations_to_api(shown, hits, names),
            examples=row.examples,
            computed_at=row.computed,
            outdated=row.outdated is not None,
        )


async def _drop_unread(session: AsyncSession, owner: str) -> None:
    """Drop the lists of an owner that were read longest ago, if there are too many."""
    kept = (
        select(col(_ROW.id))
        .where(col(_ROW.owner) == owner)
        .order_by(col(_ROW.used).desc(), col(_ROW.id))
        .limit(MAX_LISTS)
    )
    gone = delete(_ROW).where(
        col(_ROW.owner) == owner, col(_ROW.id).not_in(kept), col(_ROW.id) != owner
    )
    await session.execute(gone.execution_options(synchronize_session=False))
