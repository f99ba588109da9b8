"""Repository of one owner's rows: another owner's rows look as if they did not exist (S8)."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, String, bindparam, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from kit.database.plans import unindexed

Row = TypeVar("Row", bound=SQLModel)

Shown = Callable[[Any, Any], ColumnElement[bool]]
"""Returns the condition for visible rows, from the table and the bind parameter of the owner."""
Position = tuple[datetime, str]
"""The creation time and the id of a page's last row."""


class OwnedRows(Generic[Row]):
    """Reads and writes the rows of one owner in a table.

    Parameters
    ----------
    table
        A table with the columns `id`, `owner` and `created`.
    shown
        Further condition for visible rows; others are treated like another owner's.
    """

    def __init__(
        self, session: AsyncSession, table: type[Row], owner: str, *, shown: Shown | None = None
    ) -> None:
        self.session = session
        self.owner = owner
        self._table = table
        self._columns: Any = table
        self._shown = shown

    def select(self) -> Select[Row]:
        """Return a query of the owner's visible rows, which can be filtered further."""
        return _all(self._table, self._shown).params(owner=self.owner)

    def select_few(self) -> Select[Row]:
        """Return the query of `select` for a further filter of which few rows are left.

        An index of that filter's column serves it, and none of the owner; see `unindexed`.
        """
        return _few(self._table, self._shown).params(owner=self.owner)

    async def get(self, id_: str, *, for_update: bool = False) -> Row | None:
        """Return one row or `None`; `for_update` locks it until the transaction ends."""
        query = _one(self._table, self._shown, for_update)
        return (await self.session.scalars(query, {"owner": self.owner, "id": id_})).one_or_none()

    async def page(
        self, query: Select[Row], *, limit: int, after: Position | None = None
    ) -> tuple[list[Row], Position | None]:
        """Return a page of a query, newest rows first, and the position for the next one.

        The position is `None` on the last page.
        """
        created, id_ = self._columns.created, self._columns.id
        if after is not None:
            query = query.where(tuple_(created, id_) < after)
        query = query.order_by(created.desc(), id_.desc()).limit(limit + 1)
        rows = list(await self.session.scalars(query))
        if len(rows) <= limit:
            return rows, None
        last: Any = rows[limit - 1]
        return rows[:limit], (last.created, last.id)

    def add(self, row: Row) -> Row:
        """Add a new row to the session. Raises `ValueError` for a row of another owner."""
        owned: Any = row
        if owned.owner != self.owner:
            raise ValueError("the row belongs to another owner")
        self.session.add(row)
        return row

    async def delete(self, id_: str) -> bool:
        """Delete one row; return whether it existed."""
        statement = delete(self._table).where(
            self._columns.owner == self.owner, self._columns.id == id_
        )
        result: Any = await self.session.execute(statement)
        return bool(result.rowcount)


# Queries are cached, because building one takes longer than running it.


@cache
def _all(table: Any, shown: Shown | None) -> Select[Any]:
    return _of_owner(table, table.owner, shown)


@cache
def _few(table: Any, shown: Shown | None) -> Select[Any]:
    return _of_owner(table, unindexed(table.owner), shown)


def _of_owner(table: Any, column: ColumnElement[str], shown: Shown | None) -> Select[Any]:
    owner = bindparam("owner", type_=String)
    query = select(table).where(column == owner)
    return query if shown is None else query.where(shown(table, owner))


@cache
def _one(table: Any, shown: Shown | None, for_update: bool) -> Select[Any]:
    query = _all(table, shown).where(table.id == bindparam("id"))
    # A key share lock, because the id never changes: other transactions may add rows that refer to
    # this one.
    return query.with_for_update(key_share=True) if for_update else query
