"""A database's own time as SQL expressions: the only clock that rows are compared with."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Interval, bindparam, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from kit.clock import Clock
from kit.database.base import Utc


class DatabaseClock:
    """The clock of a Postgres server; on SQLite that of this process, in which SQLite runs.

    Parameters
    ----------
    clock
        The time on SQLite, whose own clock is not fine enough.
    sqlite
        Whether the database is SQLite and not Postgres.
    """

    def __init__(self, clock: Clock, *, sqlite: bool) -> None:
        self._local_clock = clock
        self.sqlite = sqlite

    def now(self, *, offset: timedelta = timedelta()) -> ColumnElement[datetime]:
        """Return the time at which a statement runs, plus an offset, as an expression."""
        if self.sqlite:
            # Called whenever a statement runs, also one that was built before.
            return bindparam(None, callable_=lambda: self._local_clock.now() + offset, type_=Utc())
        # It does not change within a statement. Postgres uses no index for a time that does.
        now = func.statement_timestamp(type_=Utc())
        return now + literal(offset) if offset else now

    def deadline_expr(self, name: str) -> ColumnElement[datetime]:
        """Return a time in the future as an expression; bind `deadline_value` to its name."""
        if self.sqlite:
            return bindparam(name, type_=Utc())
        return func.clock_timestamp(type_=Utc()) + bindparam(name, type_=Interval())

    def deadline_value(self, offset: timedelta) -> datetime | timedelta:
        """Return the bind value of a `deadline_expr`: now + offset on SQLite, else offset."""
        return self._local_clock.now() + offset if self.sqlite else offset

    async def time(self, session: AsyncSession) -> datetime:
        """Return the database's own time; on Postgres this takes a statement."""
        if self.sqlite:
            return self._local_clock.now()
        return (await session.execute(select(self.now()))).scalar_one()
