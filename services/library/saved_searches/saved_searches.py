"""Saved searches: created, edited, opened and deleted."""

import asyncio

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.problems import FieldProblem, ProblemCode
from contracts.saved_searches import SavedSearchCreate, SavedSearchEdit
from contracts.search import SearchQuery
from kit.clock import new_id
from kit.database.engine import database_of
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.jobs.locks import hold_owner
from services.library.saved_searches.listeners import match_wide_again
from services.library.saved_searches.repository import SavedSearches
from services.library.saved_searches.results import NONE, encode_ids
from services.library.saved_searches.tables import (
    SavedSearchResultRow,
    SavedSearchRevisionRow,
    SavedSearchRow,
)
from services.library.search.fulltext import DocumentIds
from services.library.search.values import is_id, name_key

CurrentMatches = tuple[DocumentIds, int] | None
"""The documents that a query finds, with the revision they had; `None` with `like:`."""


def is_wide(query: SearchQuery) -> bool:
    """Return whether what a query finds depends on more than the documents that it finds."""
    return any(map(_depends_on_more, query.with_alternatives()))


def _depends_on_more(query: SearchQuery) -> bool:
    by_name = any(not is_id(source) for source in query.sources)
    sets = (query.collections, query.not_collections, query.saved, query.not_saved)
    return by_name or any((*sets, query.proposed, query.not_proposed))


async def create_saved_search(
    repository: SavedSearches,
    request: SavedSearchCreate,
    query: SearchQuery,
    current: CurrentMatches,
    *,
    max_searches: int,
) -> SavedSearchRow:
    """Save a search.

    Parameters
    ----------
    query
        What the text of the request means.
    current
        What it finds now.

    Raises
    ------
    ProblemError
    """
    session, owner = repository.session, repository.owner
    await hold_owner(session, owner)
    count = select(func.count()).where(col(SavedSearchRow.owner) == owner)
    if (await session.execute(count)).scalar_one() >= max_searches:
        raise ProblemError(
            ProblemCode.CONFLICT,
            f"You have {max_searches} saved searches, which is the maximum; delete one first.",
        )
    key = await _free_name(repository, request.name, of=None)
    _check_notify(query, notify=request.notify)
    now = await database_of(session).time(session)
    row = SavedSearchRow(
        id=new_id(),
        owner=owner,
        name=request.name,
        name_key=key,
        q=request.q,
        notify=request.notify,
        wide=is_wide(query),
        created=now,
        updated=now,
        seen=now,
    )
    session.add(row)
    await session.flush()
    await _begin(session, row, current)
    await match_wide_again(session, owner)
    return row


async def edit_saved_search(
    repository: SavedSearches,
    id_: str,
    edit: SavedSearchEdit,
    query: SearchQuery | None,
    current: CurrentMatches,
) -> SavedSearchRow:
    """Change a saved search; absent fields stay as they are.

    Parameters
    ----------
    query, current
        As in `create_saved_search`, if the text is changed.

    Raises
    ------
    ProblemError
    """
    session = repository.session
    await hold_owner(session, repository.owner)
    row = await repository.get(id_, Action.WRITE, hold=True)
    if edit.name is not None:
        row.name_key = await _free_name(repository, edit.name, of=row.id)
        row.name = edit.name
    if edit.notify is not None:
        row.notify = edit.notify
    row.updated = await database_of(session).time(session)
    if edit.q is not None and query is not None:
        row.q, row.wide, row.new, row.seen = edit.q, is_wide(query), 0, row.updated
        _check_notify(query, notify=row.notify)
        await _begin(session, row, current)
    elif row.total is None and row.notify:
        raise _cannot_notify()
    await session.flush()
    await match_wide_again(session, repository.owner)
    return row


async def open_saved_search(repository: SavedSearches, id_: str) -> SavedSearchRow:
    """Note that an owner looked at what a saved search finds: nothing of it is new any more.

    Raises
    ------
    ProblemError
    """
    session = repository.session
    await hold_owner(session, repository.owner)
    row = await repository.get(id_, Action.WRITE, hold=True)
    row.seen = await database_of(session).time(session)
    row.new = 0
    if (results := await session.get(SavedSearchResultRow, row.id)) is not None:
        results.fresh = encode_ids(NONE)
    return row


async def delete_saved_search(repository: SavedSearches, id_: str) -> None:
    """Delete a saved search; items stay. Raises `ProblemError`."""
    session = repository.session
    await hold_owner(session, repository.owner)
    row = await repository.get(id_, Action.WRITE, hold=True)
    await session.delete(row)
    await session.flush()
    await match_wide_again(session, repository.owner)


async def _begin(session: AsyncSession, row: SavedSearchRow, current: CurrentMatches) -> None:
    """Store what a search finds now, from which on it is matched."""
    await session.execute(
        delete(SavedSearchResultRow)
        .where(col(SavedSearchResultRow.search) == row.id)
        .execution_options(synchronize_session=False)
    )
    row.total = None
    if current is None:
        return
    ids, revision = current
    row.total = len(ids)
    encoded = await asyncio.to_thread(encode_ids, ids)
    session.add(SavedSearchResultRow(search=row.id, matches=encoded, fresh=encode_ids(NONE)))
    # What changed after `revision` may be matched already for the owner's other searches.
    matched = await session.get(SavedSearchRevisionRow, row.owner)
    if matched is None:
        session.add(SavedSearchRevisionRow(owner=row.owner, revision=revision))
    else:
        matched.revision = min(matched.revision, revision)
    await session.flush()


async def _free_name(repository: SavedSearches, name: str, *, of: str | None) -> str:
    """Return a name as names are compared. Raises `ProblemError` if another search has it."""
    key = name_key(name)
    row = SavedSearchRow
    query = select(col(row.id)).where(
        col(row.owner) == repository.owner, col(row.name_key) == key, col(row.id) != (of or "")
    )
    if (await repository.session.execute(query)).first() is not None:
        text = f'You have a saved search named "{name}" already. Choose another name.'
        raise ProblemError(
            ProblemCode.CONFLICT, text, fields=(FieldProblem(field="body.name", message=text),)
        )
    return key


def _check_notify(query: SearchQuery, *, notify: bool) -> None:
    if notify and query.like is not None:
        raise _cannot_notify()


def _cannot_notify() -> ProblemError:
    text = (
        "A search with `like:` cannot notify, as it finds the nearest items only when it is "
        "opened. Leave out `like:`, or send `notify` as false."
    )
    return ProblemError(
        ProblemCode.INVALID_REQUEST, text, fields=(FieldProblem(field="body.notify", message=text),)
    )
