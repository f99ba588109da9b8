"""Rows of one owner: what belongs to somebody else is as absent as what never was."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, String, bindparam, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

Row = TypeVar("Row", bound=SQLModel)

Shown = Callable[[Any, Any], ColumnElement[bool]]
"""Returns which rows of a table may be seen; it is given the table and who is its rows' owner."""
Position = tuple[datetime, str]
"""Where a page ended: the time its last row was made, and its id."""


class OwnedRows(Generic[Row]):
    """Reads and writes the rows of a table that one owner has.

    The table has the columns `id`, `owner` and `created`. Of its rows those that are not `shown`
    are as absent as another owner's.
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
        """Return a query of the owner's rows, to be narrowed further."""
        return _all(self._table, self._shown).params(owner=self.owner)

    async def get(self, id_: str, *, for_update: bool = False) -> Row | None:
        """Return one row, locked until the transaction ends when it will be written."""
        query = _one(self._table, self._shown, for_update)
        return (await self.session.scalars(query, {"owner": self.owner, "id": id_})).one_or_none()

    async def page(
        self, query: Select[Row], *, limit: int, after: Position | None = None
    ) -> tuple[list[Row], Position | None]:
        """Return the newest rows of a query first, and where the next page begins."""
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
        """Store a new row, which must be the owner's."""
        owned: Any = row
        if owned.owner != self.owner:
            raise ValueError("a row of another owner cannot be stored here")
        self.session.add(row)
        return row

    async def delete(self, id_: str) -> bool:
        """Remove one row; return whether it was there."""
        statement = delete(self._table).where(
            self._columns.owner == self.owner, self._columns.id == id_
        )
        result: Any = await self.session.execute(statement)
        return bool(result.rowcount)


# Queries are built once: building takes longer than running them.


@cache
def _all(table: Any, shown: Shown | None) -> Select[Any]:
    owner = bindparam("owner", type_=String)
    query = select(table).where(table.owner == owner)
    return query if shown is None else query.where(shown(table, owner))


@cache
def _one(table: Any, shown: Shown | None, for_update: bool) -> Select[Any]:
    query = _all(table, shown).where(table.id == bindparam("id"))
    # Its key does not change: new rows may refer to it meanwhile.
    return query.with_for_update(key_share=True) if for_update else query
