"""What a database's errors mean, and what may be told of them: no value that somebody stored.

SQLAlchemy hides the values that it bound itself (`hide_parameters`). Drivers and servers repeat
values in texts of their own: `DETAIL: Key (email)=(…)`, `invalid input for query argument $1: …`,
`fts5: syntax error near "…"`. Those texts are replaced where the error is raised, before anybody
can log it: what stays names the kind of error, and the constraint, table and column.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from kit.database.base import DatabaseUnavailable, StatementTooSlow

_PASSING = ("08", "25P03", "53", "57", "58", "40001", "40P01", "55P03")
"""SQLSTATEs, or their classes, of what may work later: connections, sessions that were idle for
too long, resources, operators, systems; transactions that got into each other's way, and locks
that were not to be had."""
_CANCELED = "57014"
"""What Postgres says of a statement that ran into its deadline."""
_DRIVERS = ("asyncpg", "sqlalchemy.dialects", "sqlite3")
_REPEATING = ("detail", "hint", "context")
_NAMING = ("constraint_name", "table_name", "column_name")


class unavailable:  # noqa: N801
    """Turn what a database that is away or overrun raises into `DatabaseUnavailable`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, DatabaseUnavailable):
            return
        if _too_slow(error):
            raise StatementTooSlow("a statement took longer than the timeout allows") from error
        if _away(error):
            raise DatabaseUnavailable(f"the database cannot be used now: {_told(error)}") from error


def withhold_values(engine: AsyncEngine) -> None:
    """Keep stored and sent values out of the errors of an engine; name lost connections as such."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def _handle(context: ExceptionContext) -> None:
        original = context.original_exception
        if _closed(original):
            # The driver says so in words only; the pool must not give the connection out again.
            context.is_disconnect = True
        if not isinstance(context.sqlalchemy_exception, DBAPIError):
            return
        words = _words(original, bool(context.parameters))
        context.sqlalchemy_exception.args = (words,)
        for one in _of_the_driver(original):
            one.args = (words,)
            for name in _REPEATING:
                if getattr(one, name, None):
                    setattr(one, name, None)


def _words(original: BaseException, with_values: bool) -> str:
    """Return what is told of a driver's error."""
    cause = original.__cause__ or original
    plain = str(cause.args[0]) if cause.args else ""
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", type(cause).__name__)
        # Only of a statement's own meaning does SQLite speak in words that were given to it.
        said = plain if name != "SQLITE_ERROR" or not with_values else ""
        return f"{name}: {said}" if said else f"{name}, in its words withheld"
    state = _state(original)
    names = [f"{name[:-5]} {value}" for name in _NAMING if (value := getattr(cause, name, None))]
    head = ", ".join((type(cause).__name__, *([f"SQLSTATE {state}"] if state else ()), *names))
    of_values = with_values and not state.startswith(_PASSING) and not _closed(original)
    return head if of_values else f"{head}: {plain}"


def _of_the_driver(error: BaseException | None) -> Iterator[BaseException]:
    """Yield a driver's error and those of its own that it was made from."""
    while error is not None and type(error).__module__.startswith(_DRIVERS):
        yield error
        error = error.__cause__ or error.__context__


def _too_slow(error: BaseException) -> bool:
    original = getattr(error, "orig", error)
    interrupted = getattr(original, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
    return interrupted or _state(original) == _CANCELED


def _away(error: BaseException) -> bool:
    if isinstance(error, OperationalError | PoolTimeout | OSError):
        return True
    original = getattr(error, "orig", error)
    if getattr(error, "connection_invalidated", False) or _closed(original):
        return True
    return _state(original).startswith(_PASSING)


def _told(error: BaseException) -> str:
    if isinstance(error, PoolTimeout):
        return "all its connections are in use"
    if isinstance(error, DBAPIError):
        # Its arguments and not its text, which repeats the statement.
        return str(error.args[0])
    return f"{type(error).__name__}: {error}"


def _closed(error: BaseException | None) -> bool:
    """Return whether a driver found its connection closed, which asyncpg says in words only."""
    cause = getattr(error, "__cause__", None) or error
    # Its complaints about values, which it repeats, are `ValueError`s too.
    told = not _state(cause) and not isinstance(cause, ValueError)
    return (
        told
        and type(cause).__module__.startswith("asyncpg")
        and "connection" in str(cause)
        and "closed" in str(cause)
    )


def _state(error: Any) -> str:
    """Return Postgres's SQLSTATE of a driver's error, or nothing."""
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else ""
