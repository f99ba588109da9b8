"""Rows as one principal may access them: another owner's rows are as absent as those of nobody."""

from typing import TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from contracts.identity import Principal
from kit.database.repository import OwnedRows
from kit.http.errors import not_found
from kit.http.pagination import Cursor, PageQuery, encode_cursor
from services.library.access import Action, Owned, may

Row = TypeVar("Row", bound=SQLModel)


class OwnerRepository:
    """Base of the packages' repositories: one principal, within one session."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        self.session = session
        self.principal = principal
        self.owner = principal.owner

    def allowed(self, row: Row | None, action: Action) -> Row:
        """Return a row on which the principal may act. Raises `ProblemError` `not_found`."""
        if row is None or not may(self.principal, action, _owned(row)):
            raise not_found()
        return row


async def page(
    rows: OwnedRows[Row], query: Select[Row], position: PageQuery
) -> tuple[list[Row], str | None]:
    """Return a page of a query, newest first, and the cursor of the next page."""
    after = (position.after.created, position.after.id) if position.after else None
    shown, last = await rows.page(query, limit=position.limit, after=after)
    if last is None:
        return shown, None
    return shown, encode_cursor(Cursor(created=last[0], id=last[1]))


def _owned(row: SQLModel) -> Owned:
    owned: Owned = row  # type: ignore[assignment]
    return owned
