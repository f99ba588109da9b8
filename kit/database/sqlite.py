"""SQLite under SQLAlchemy with at most one round trip to the driver's thread per statement.

The driver aiosqlite runs each call in the connection's own thread, and SQLAlchemy makes four calls
per statement: open a cursor, execute, fetch, close. Each switch between threads costs more than
most of our statements, so here the four calls are one.

Inside a transaction they run in the event loop's thread, without any switch: the transaction holds
the only lock that a statement could wait for, and a statement takes microseconds. The driver's
thread still runs whatever may take long: beginning while another process writes, committing,
deleting, writing many rows at once, and all reads outside transactions, which have a deadline.
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
    """The result of a statement whose cursor is closed."""

    __slots__ = ("arraysize", "description", "lastrowid", "rowcount")

    def __init__(self) -> None:
        self.arraysize = 1
        self.description: Any = None
        self.lastrowid = 0
        self.rowcount = -1


BEGIN = "BEGIN IMMEDIATE"
LOG_AHEAD = "PRAGMA journal_mode=WAL"
MANY = 100
"""Rows of an `executemany` above which it runs in the driver's thread."""
_CHECK_EVERY = 100_000
"""Instructions of SQLite's virtual machine between two checks of the deadline: some ms."""
_RETRY_PAUSE: Seconds = 0.01
"""Pause before the next try to change the journal mode."""


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    __slots__ = ()
    # `_run` has closed the cursor already.
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
            await self._run(self._adapt_connection.log_ahead)  # type: ignore[attr-defined]
            return
        # A DELETE may affect any number of rows, also by cascades.
        slow = operation.startswith("DELETE")
        await self._run(lambda cursor: cursor.execute(operation, parameters or ()), slow)

    async def _begin(self) -> None:
        """Begin a write transaction here, or in the driver's thread if another process writes."""
        try:
            self._connection._conn.execute(BEGIN)
        except sqlite3.OperationalError as error:
            if not _busy(error):
                raise
            connection: Any = self._adapt_connection
            await self._run(connection.begin_later)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        slow = len(seq_of_parameters) > MANY
        await self._run(lambda cursor: cursor.executemany(operation, seq_of_parameters), slow)

    async def _run(self, do: Callable[[Any], object], slow: bool = False) -> None:
        """Call `do` with a new cursor, fetch all rows and close the cursor."""
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

        if not slow and connection._conn.in_transaction:
            self._rows = deque(run())
            return
        async with self._adapt_connection._execute_mutex:
            self._rows = deque(await connection._execute(run))


class _Deadline:
    """Interrupts a statement at its timeout; installed as SQLite's progress handler."""

    __slots__ = ("_timeout", "_until")

    def __init__(self, timeout: Seconds) -> None:
        self._timeout = timeout
        self._until = math.inf

    def begin(self) -> None:
        """Start the timeout of a statement."""
        self._until = time.monotonic() + self._timeout

    def __call__(self) -> bool:
        """Return whether the timeout has passed; True interrupts the statement."""
        return time.monotonic() > self._until


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ("_busy", "deadline")
    _cursor_cls = _Cursor

    def __init__(self, dbapi: Any, connection: Any, busy: Seconds, timeout: Seconds) -> None:
        super().__init__(dbapi, connection)
        self._busy = busy
        self.deadline = _Deadline(timeout)
        if timeout < math.inf:
            connection._conn.set_progress_handler(self.deadline, _CHECK_EVERY)

    def begin_later(self, cursor: sqlite3.Cursor) -> None:
        """Begin a transaction once no other process writes; waits up to `busy` seconds."""
        # Connections have no busy timeout otherwise, because they also run in the event loop.
        cursor.execute(f"PRAGMA busy_timeout={int(self._busy * 1000)}")
        try:
            cursor.execute(BEGIN)
        finally:
            cursor.execute("PRAGMA busy_timeout=0")

    def log_ahead(self, cursor: sqlite3.Cursor) -> None:
        """Switch the file to a write-ahead log; retry while another process does the same.

        If two processes change the journal mode at once, SQLite ignores `busy_timeout` and fails
        one of them immediately, because waiting would deadlock.
        """
        until = time.monotonic() + self._busy
        while True:
            try:
                cursor.execute(LOG_AHEAD)
                return
            except sqlite3.OperationalError as error:
                if not _busy(error) or time.monotonic() > until:
                    raise
            time.sleep(_RETRY_PAUSE)

    def rollback(self) -> None:
        # The pool rolls back every returned connection; most have committed and need no round trip.
        if self._connection._connection and self._connection._conn.in_transaction:
            super().rollback()


def _busy(error: sqlite3.OperationalError) -> bool:
    """Return whether an error is SQLITE_BUSY or one of its extended codes."""
    # The low byte of an extended code is the primary code.
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def single_roundtrip_cursors(
    engine: AsyncEngine, *, busy: Seconds, timeout: Seconds = math.inf
) -> None:
    """Make the connections of a `sqlite+aiosqlite` engine run each statement in one round trip.

    Parameters
    ----------
    engine
        Its connections that write must have a `busy_timeout` of 0.
    busy
        Maximum wait of a transaction for another process that writes.
    timeout
        Seconds after which a statement is interrupted.
    """

    @event.listens_for(engine.sync_engine, "do_connect")
    def _connect(dialect: Dialect, _: object, arguments: Any, parameters: Any) -> Any:
        plain: Any = dialect.connect(*arguments, **parameters)
        return _Connection(dialect.dbapi, plain._connection, busy, timeout)
