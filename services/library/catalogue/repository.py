"""Rows as one principal may have them: what is somebody else's is as absent as what never was."""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from contracts.identity import Principal
from kit.database.repository import OwnedRows
from kit.http.errors import not_found
from kit.http.pagination import Cursor, PageQuery, encode_cursor
from services.library.access import Action, Owned, may
from services.library.catalogue.tables import ArtifactRow, DeletionRow, ItemRow, UploadRow
from services.library.jobs.tables import JobRow
from services.library.pipelines.tables import PipelineRow, RunRow

Row = TypeVar("Row", bound=SQLModel)


class Repository:
    """The catalogue of one principal, within one session."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        self.session = session
        self.principal = principal
        self.owner = principal.owner
        self.items = OwnedRows(session, ItemRow, self.owner, shown=_item_stays)
        self.artifacts = OwnedRows(session, ArtifactRow, self.owner, shown=_its_item_stays)
        self.uploads = OwnedRows(session, UploadRow, self.owner)
        self.jobs = OwnedRows(session, JobRow, self.owner, shown=_its_item_stays)
        self.runs = OwnedRows(session, RunRow, self.owner, shown=_its_item_stays)
        self.pipelines = OwnedRows(session, PipelineRow, self.owner)

    async def item(self, id_: str, action: Action, *, hold: bool = False) -> ItemRow:
        """Return an item. Raises `ProblemError` of code `not_found`."""
        return self._allowed(await self.items.get(id_, for_update=hold), action)

    async def artifact(self, id_: str, action: Action) -> ArtifactRow:
        """Return an artifact. Raises `ProblemError` of code `not_found`."""
        return self._allowed(await self.artifacts.get(id_), action)

    async def upload(self, id_: str, action: Action, *, hold: bool = False) -> UploadRow:
        """Return an upload. Raises `ProblemError` of code `not_found`."""
        return self._allowed(await self.uploads.get(id_, for_update=hold), action)

    async def job(self, id_: str, action: Action) -> JobRow:
        """Return a job. Raises `ProblemError` of code `not_found`."""
        return self._allowed(await self.jobs.get(id_), action)

    async def run(self, id_: str, action: Action, *, hold: bool = False) -> RunRow:
        """Return a run. Raises `ProblemError` of code `not_found`."""
        return self._allowed(await self.runs.get(id_, for_update=hold), action)

    async def pipeline(self, name: str, action: Action, *, hold: bool = False) -> PipelineRow:
        """Return a stored pipeline by name. Raises `ProblemError` of code `not_found`."""
        query = self.pipelines.select().where(col(PipelineRow.name) == name)
        if hold:
            query = query.with_for_update(key_share=True)
        return self._allowed((await self.session.scalars(query)).one_or_none(), action)

    def _allowed(self, row: Row | None, action: Action) -> Row:
        if row is None or not may(self.principal, action, _owned(row)):
            raise not_found()
        return row


async def page(
    rows: OwnedRows[Row], query: Select[Row], asked: PageQuery
) -> tuple[list[Row], str | None]:
    """Return a page of a query, newest first, and the cursor of the next one."""
    after = (asked.after.created, asked.after.id) if asked.after else None
    found, position = await rows.page(query, limit=asked.limit, after=after)
    if position is None:
        return found, None
    return found, encode_cursor(Cursor(created=position[0], id=position[1]))


def _item_stays(table: Any, owner: Any) -> ColumnElement[bool]:
    return col(table.id).not_in(items_going(owner))


def _its_item_stays(table: Any, owner: Any) -> ColumnElement[bool]:
    return col(table.item).not_in(items_going(owner))


def items_going(owner: Any) -> Select[str]:
    """Return the query of the items that an owner's deletions under way remove, root and branch.

    It depends on no row, so it is run once for a list; and mostly there is no deletion.
    """
    going = (
        select(col(DeletionRow.item).label("id"))
        .where(col(DeletionRow.owner) == owner, col(DeletionRow.item).is_not(None))
        .cte("going", recursive=True)
    )
    going = going.union(select(col(ItemRow.id)).where(col(ItemRow.parent) == going.c.id))
    return select(going.c.id)


def _owned(row: SQLModel) -> Owned:
    owned: Owned = row  # type: ignore[assignment]
    return owned
