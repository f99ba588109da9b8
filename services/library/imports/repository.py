"""The imports of one principal."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.identity import Principal
from contracts.imports import ImportCounts, ImportFileState
from contracts.items import ItemState
from kit.database.repository import OwnedRows
from kit.http.list_cursor import ListQuery, decode_list_cursor, encode_list_cursor
from services.library.access import Action
from services.library.catalogue.tables import ItemRow
from services.library.imports.tables import ImportFileRow, ImportRow
from services.library.repository import OwnerRepository


class Imports(OwnerRepository):
    """The imports of one principal, within one session."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        super().__init__(session, principal)
        self.rows = OwnedRows(session, ImportRow, self.owner)

    async def get(self, id_: str, action: Action, *, hold: bool = False) -> ImportRow:
        """Return an import. Raises `ProblemError` of code `not_found`."""
        return self.allowed(await self.rows.get(id_, for_update=hold), action)

    async def files(
        self, row: ImportRow, state: ImportFileState | None, request: ListQuery
    ) -> tuple[Sequence[Row[*tuple[Any, ...]]], str | None]:
        """Return a page of an import's files with their items' state and rejection, in order."""
        file = ImportFileRow
        query = (
            select(file, _shown_state.label("shown"), col(ItemRow.rejection))
            .outerjoin(ItemRow, _OF_FILE)
            .where(col(file.import_id) == row.id)
            .order_by(col(file.position))
            .limit(request.limit + 1)
        )
        if state is not None:
            query = query.where(_shown_state.in_((state.value,)))
        if request.cursor is not None:
            (position,) = decode_list_cursor(request.cursor, (int,))
            query = query.where(col(file.position) > position)
        rows = (await self.session.execute(query)).all()
        if len(rows) <= request.limit:
            return rows, None
        return rows[: request.limit], encode_list_cursor((rows[request.limit - 1][0].position,))


_OF_FILE = and_(
    col(ItemRow.id) == col(ImportFileRow.item), col(ItemRow.owner) == col(ImportFileRow.owner)
)
_shown_state: ColumnElement[str] = case(
    (
        and_(
            col(ImportFileRow.state) == ImportFileState.ADDED,
            col(ItemRow.state) == ItemState.REJECTED,
        ),
        ImportFileState.REFUSED.value,
    ),
    else_=col(ImportFileRow.state),
)
"""The state of a file: what ingest rejected is refused."""


async def count_files(session: AsyncSession, imports: Collection[str]) -> dict[str, ImportCounts]:
    """Return the number of files of imports by state."""
    query = (
        select(col(ImportFileRow.import_id), _shown_state, func.count())
        .outerjoin(ItemRow, _OF_FILE)
        .where(col(ImportFileRow.import_id).in_(imports))
        .group_by(col(ImportFileRow.import_id), _shown_state)
    )
    counts: dict[str, dict[str, int]] = {}
    for id_, state, count in (await session.execute(query)).all():
        by_state = counts.setdefault(id_, {"total": 0})
        by_state[state] = count
        by_state["total"] += count
    return {id_: ImportCounts(**by_state) for id_, by_state in counts.items()}
