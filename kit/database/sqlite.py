"""SQLite below SQLAlchemy with one errand to the connection's thread for a statement.

The driver runs each call on a thread of its own, and SQLAlchemy makes four calls for a statement:
open a cursor, execute, fetch, close. What passes between the threads costs more than most of our
statements do, so here the four are one; and inside a transaction, which holds the one lock that a
statement could wait for, they are none: what takes microseconds runs where it is called. Threads
take what may last: to begin where another process writes, to commit, to delete, to write many
rows at once, and all reads outside of transactions, which are stopped at a deadline.
"""

import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.music import Seconds


class _Done:
    """What is left of a statement when its cursor is closed."""

    __slots__ = ("arraysize", "description", "lastrowid", "rowcount")

    def __init__(self) -> None:
        self.arraysize = 1
        self.description: Any = None
        self.lastrowid = 0
        self.rowcount = -1


BEGIN = "BEGIN IMMEDIATE"
LOG_AHEAD = "PRAGMA journal_mode=WAL"
MANY = 100
"""Rows of one statement from which on it is no matter of microseconds any more."""
_LOOK_EVERY = 100_000
"""Steps of SQLite's machine between two looks at the clock: some milliseconds of plain ones."""
_AGAIN_AFTER: Seconds = 0.01
"""How long whoever was refused at once pauses before the next try."""


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    __slots__ = ()
    # Nothing is open once a statement was executed.
    _awaitable_cursor_close = False

    def _make_new_cursor(self, connection: Any) -> Any:
        return _Done()

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    def close(self) -> None:
        self._rows.clear()

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        if operation == BEGIN:
            await self._begin()
            return
        if operation == LOG_AHEAD:
            await self._errand(self._adapt_connection.log_ahead)  # type: ignore[attr-defined]
            return
        # A DELETE touches as many rows as there are.
        lasting = operation.startswith("DELETE")
        await self._errand(lambda cursor: cursor.execute(operation, parameters or ()), lasting)

    async def _begin(self) -> None:
        """Begin a transaction that writes, at once if no other process does."""
        try:
            self._connection._conn.execute(BEGIN)
        except sqlite3.OperationalError as error:
            if not _busy(error):
                raise
            connection: Any = self._adapt_connection
            await self._errand(connection.begin_later)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        lasting = len(seq_of_parameters) > MANY
        await self._errand(lambda cursor: cursor.executemany(operation, seq_of_parameters), lasting)

    async def _errand(self, do: Callable[[Any], object], lasting: bool = False) -> None:
        connection: Any = self._connection
        done: Any = self._cursor
        deadline: _Deadline = self._adapt_connection.deadline  # type: ignore[attr-defined]

        def run() -> Sequence[Any]:
            cursor = connection._conn.cursor()
            deadline.begin()
            try:
                do(cursor)
                rows: Sequence[Any] = cursor.fetchall() if cursor.description else ()
                done.description = cursor.description
                done.lastrowid, done.rowcount = cursor.lastrowid, cursor.rowcount
                return rows
            finally:
                cursor.close()

        if not lasting and connection._conn.in_transaction:
            self._rows = deque(run())
            return
        async with self._adapt_connection._execute_mutex:
            self._rows = deque(await connection._execute(run))


class _Deadline:
    """Stops a statement that takes too long; the connection's progress handler."""

    __slots__ = ("_timeout", "_until")

    def __init__(self, timeout: Seconds) -> None:
        self._timeout = timeout
        self._until = math.inf

    def begin(self) -> None:
        """Count from now on."""
        self._until = time.monotonic() + self._timeout

    def __call__(self) -> bool:
        """Return whether the time is up, which interrupts the statement."""
        return time.monotonic() > self._until


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ("_busy", "deadline")
    _cursor_cls = _Cursor

    def __init__(self, dbapi: Any, connection: Any, busy: Seconds, timeout: Seconds) -> None:
        super().__init__(dbapi, connection)
        self._busy = busy
        self.deadline = _Deadline(timeout)
        if timeout < math.inf:
            connection._conn.set_progress_handler(self.deadline, _LOOK_EVERY)

    def begin_later(self, cursor: sqlite3.Cursor) -> None:
        """Begin once no other process writes. Of itself, a connection waits for nobody."""
        cursor.execute(f"PRAGMA busy_timeout={int(self._busy * 1000)}")
        try:
            cursor.execute(BEGIN)
        finally:
            cursor.execute("PRAGMA busy_timeout=0")

    def log_ahead(self, cursor: sqlite3.Cursor) -> None:
        """Have the file written by way of a log, once no other process is about to do the same.

        Of two that change how a file is written, SQLite refuses one at once and does not let it
        wait as `busy_timeout` says, for it holds a lock that the other waits for.
        """
        until = time.monotonic() + self._busy
        while True:
            try:
                cursor.execute(LOG_AHEAD)
                return
            except sqlite3.OperationalError as error:
                if not _busy(error) or time.monotonic() > until:
                    raise
            time.sleep(_AGAIN_AFTER)

    def rollback(self) -> None:
        # Every connection that is given back is rolled back, though most have committed.
        if self._connection._connection and self._connection._conn.in_transaction:
            super().rollback()


def _busy(error: sqlite3.OperationalError) -> bool:
    """Return whether another process has what is asked for, be it to put a log in order."""
    # What is above the lowest byte tells kinds of it apart.
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def single_roundtrip_cursors(
    engine: AsyncEngine, *, busy: Seconds, timeout: Seconds = math.inf
) -> None:
    """Make the connections of an engine for `sqlite+aiosqlite` run each statement in one go.

    Parameters
    ----------
    engine
        Those of its connections that write have a `busy_timeout` of 0.
    busy
        How long a transaction waits for another process that writes.
    timeout
        How long one statement may take; it is then interrupted.
    """

    @event.listens_for(engine.sync_engine, "do_connect")
    def _connect(dialect: Dialect, _: object, arguments: Any, parameters: Any) -> Any:
        plain: Any = dialect.connect(*arguments, **parameters)
        return _Connection(dialect.dbapi, plain._connection, busy, timeout)
