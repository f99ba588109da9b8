"""The items, files and uploads of one principal; what is being deleted is absent."""

from typing import Any

from sqlalchemy import ColumnElement, Select, String, column, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col

from contracts.identity import Principal
from kit.database.repository import OwnedRows
from services.library.access import Action
from services.library.catalogue.tables import ArtifactRow, DeletionRow, ItemRow, UploadRow
from services.library.repository import OwnerRepository

_CHUNK = 5000
"""Ids that are read at a time: the driver turns them into objects on the event loop."""


class Repository(OwnerRepository):
    """The catalogue of one principal, within one session."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        super().__init__(session, principal)
        self.items = OwnedRows(session, ItemRow, self.owner, shown=_is_kept)
        self.artifacts = OwnedRows(session, ArtifactRow, self.owner, shown=item_is_kept)
        self.uploads = OwnedRows(session, UploadRow, self.owner)

    async def item(self, id_: str, action: Action, *, hold: bool = False) -> ItemRow:
        """Return an item. Raises `ProblemError` of code `not_found`."""
        return self.allowed(await self.items.get(id_, for_update=hold), action)

    async def artifact(self, id_: str, action: Action) -> ArtifactRow:
        """Return an artifact. Raises `ProblemError` of code `not_found`."""
        return self.allowed(await self.artifacts.get(id_), action)

    async def upload(self, id_: str, action: Action, *, hold: bool = False) -> UploadRow:
        """Return an upload. Raises `ProblemError` of code `not_found`."""
        return self.allowed(await self.uploads.get(id_, for_update=hold), action)


def item_is_kept(table: Any, owner: Any) -> ColumnElement[bool]:
    """Return the condition that the item of a row, if any, is not being deleted."""
    # NULL NOT IN a query that returns rows is not true, so rows of no item are named.
    return or_(col(table.item).is_(None), col(table.item).not_in(being_deleted(owner)))


def _is_kept(table: Any, owner: Any) -> ColumnElement[bool]:
    return col(table.id).not_in(being_deleted(owner))


def being_deleted(owner: Any = None) -> Select[str]:
    """Return the query of the items that deletions under way remove, with all cut from them.

    It depends on no row, so it is run once for a list; and mostly there is no deletion.

    Parameters
    ----------
    owner
        Whose deletions; without one, everybody's, as for a collection with items of its editors.
    """
    if owner is None:
        return select(column("id", String)).select_from(_AllBeingDeleted())
    return _being_deleted(col(DeletionRow.owner) == owner)


def _being_deleted(which: ColumnElement[bool]) -> Select[Any]:
    query: Select[Any] = select(col(DeletionRow.item).label("id")).where(
        col(DeletionRow.item).is_not(None), which
    )
    going = query.cte("going", recursive=True)
    going = going.union(select(col(ItemRow.id)).where(col(ItemRow.parent) == going.c.id))
    return select(going.c.id)


class _AllBeingDeleted(FunctionElement[Any]):
    """The items that anybody's deletions remove; on Postgres a function that sees all rows."""

    name = "items_being_deleted"
    inherit_cache = True


@compiles(_AllBeingDeleted)
def _call(element: _AllBeingDeleted, compiler: Any, **named: Any) -> str:
    return "items_being_deleted()"


@compiles(_AllBeingDeleted, "sqlite")
def _query(element: _AllBeingDeleted, compiler: Any, **named: Any) -> str:
    query = _being_deleted(true()).subquery("all_being_deleted")
    return str(compiler.process(query, asfrom=True))


async def read_ids(session: AsyncSession, query: Any, id_: Any) -> list[str]:
    """Return all ids that a query selects, read in parts.

    Parameters
    ----------
    id_
        The column that the query selects; no two rows have the same one.
    """
    ids: list[str] = []
    while True:
        later = query.where(id_ > ids[-1]) if ids else query
        part = list(await session.scalars(later.order_by(id_).limit(_CHUNK)))
        ids += part
        if len(part) < _CHUNK:
            return ids
