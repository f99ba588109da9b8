"""`/saved-searches`: searches with a name, which count what they newly find."""

from typing import Annotated

from fastapi import APIRouter, Body

from contracts.identity import Principal
from contracts.ids import SavedSearchId
from contracts.saved_searches import SavedSearch, SavedSearchCreate, SavedSearchEdit
from contracts.search import SearchQuery
from kit.http.etags import READABLE, WRITABLE, IfMatch, Precondition
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.idempotency import Key, once
from services.library.jobs.locks import hold_owner
from services.library.repository import page
from services.library.routes.context import REFUSED, Context, Reader, Writer
from services.library.saved_searches.repository import SavedSearches
from services.library.saved_searches.saved_searches import (
    CurrentMatches,
    create_saved_search,
    delete_saved_search,
    edit_saved_search,
    open_saved_search,
)
from services.library.saved_searches.views import saved_search_to_api
from services.library.search.language import parse_query
from services.library.search.limits import check

_CREATE = {
    "Short kicks": {
        "value": {"name": "Short kicks", "q": "class:kick len:<0.3 -tag:used", "notify": True}
    }
}
_EDIT = {"Stop notifying": {"value": {"notify": False}}}


def saved_search_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/saved-searches", tags=["search"], responses=REFUSED
    )

    async def find(principal: Principal, query: SearchQuery) -> CurrentMatches:
        """Return what a query finds now."""
        if query.like is not None:
            check(query)
            return None
        return await server.searches.all_matching(principal.owner, query)

    async def check_precondition(
        repository: SavedSearches, search: SavedSearchId, precondition: Precondition
    ) -> None:
        """Check, if it has one, the condition of a write to a search, which stays locked."""
        if precondition:
            await hold_owner(repository.session, repository.owner)
            row = await repository.get(search, Action.WRITE, hold=True)
            precondition.check(saved_search_to_api(row))

    @router.get("")
    async def list_(principal: Reader, paging: Paging) -> Page[SavedSearch]:
        """List your saved searches, newest first, with how many new items each found."""
        async with server.database.session() as session:
            rows = SavedSearches(session, principal).rows
            listed, following = await page(rows, rows.select(), paging)
        return Page(items=tuple(map(saved_search_to_api, listed)), next=following)

    @router.post("", status_code=201)
    async def create(
        principal: Writer,
        request: Annotated[SavedSearchCreate, Body(openapi_examples=_CREATE)],
        key: Key = None,
    ) -> SavedSearch:
        """Save a search. From then on the items that it newly finds are counted.

        With `notify`, `search.matched` is emitted when there are some.
        """
        query, _ = parse_query(request.q)
        current = await find(principal, query)
        async with server.database.transaction() as session:
            repository = SavedSearches(session, principal)

            async def act() -> tuple[str, int]:
                row = await create_saved_search(
                    repository,
                    request,
                    query,
                    current,
                    max_searches=server.settings.owner_saved_searches,
                )
                return row.id, 201

            id_, _ = await once(
                session, act, owner=principal.owner, route="POST /saved-searches", key=key,
                body=request,
            )  # fmt: skip
            return saved_search_to_api(await repository.get(id_, Action.WRITE))

    @router.get("/{search}", responses=READABLE)
    async def get(principal: Reader, search: SavedSearchId) -> SavedSearch:
        """Return a saved search."""
        async with server.database.session() as session:
            return saved_search_to_api(
                await SavedSearches(session, principal).get(search, Action.READ)
            )

    @router.patch("/{search}", responses=WRITABLE)
    async def edit(
        principal: Writer,
        search: SavedSearchId,
        request: Annotated[SavedSearchEdit, Body(openapi_examples=_EDIT)],
        precondition: IfMatch,
    ) -> SavedSearch:
        """Change name, query or notification; absent fields stay as they are.

        A changed query starts counting from zero.
        """
        query, current = None, None
        if request.q is not None:
            query, _ = parse_query(request.q)
            current = await find(principal, query)
        async with server.database.transaction() as session:
            repository = SavedSearches(session, principal)
            await check_precondition(repository, search, precondition)
            return saved_search_to_api(
                await edit_saved_search(repository, search, request, query, current)
            )

    @router.delete("/{search}", status_code=204, responses=WRITABLE)
    async def delete(principal: Writer, search: SavedSearchId, precondition: IfMatch) -> None:
        """Delete a saved search; items stay."""
        async with server.database.transaction() as session:
            repository = SavedSearches(session, principal)
            await check_precondition(repository, search, precondition)
            await delete_saved_search(repository, search)

    @router.post("/{search}/seen")
    async def seen(principal: Writer, search: SavedSearchId, key: Key = None) -> SavedSearch:
        """Note that you opened it: what it found so far is no longer new.

        A repeated request changes nothing else.
        """
        async with server.database.transaction() as session:
            repository = SavedSearches(session, principal)
            return saved_search_to_api(await open_saved_search(repository, search))

    return router
