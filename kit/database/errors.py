"""Classify database errors, and remove stored values from their messages.

SQLAlchemy hides bound values in its messages (`hide_parameters`). But drivers and servers repeat
values in theirs: `DETAIL: Key (email)=(…)`, `invalid input for query argument $1: …`,
`fts5: syntax error near "…"`. Such messages are replaced as soon as the error is raised, before any
code can log them; the new one names the kind of error, the constraint, the table and the column.
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

_TRANSIENT = ("08", "25P03", "53", "57", "58", "40001", "40P01", "55P03")
"""SQLSTATEs and classes of transient errors: connection failures, idle sessions, lack of resources,
operator intervention, system errors, serialisation failures, deadlocks and unavailable locks."""
_CANCELED = "57014"
"""SQLSTATE of a statement that was cancelled by its timeout."""
_DRIVERS = ("asyncpg", "sqlalchemy.dialects", "sqlite3")
_REPEATING = ("detail", "hint", "context")
_NAMING = ("constraint_name", "table_name", "column_name")


class unavailable:  # noqa: N801
    """Convert errors of an unavailable or overloaded database into `DatabaseUnavailable`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, DatabaseUnavailable):
            return
        if _too_slow(error):
            raise StatementTooSlow("a statement exceeded its timeout") from error
        if _is_transient(error):
            raise DatabaseUnavailable(f"the database is unavailable: {_message(error)}") from error


def withhold_values(engine: AsyncEngine) -> None:
    """Remove values from the errors of an engine, and mark lost connections as disconnects."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def _handle(context: ExceptionContext) -> None:
        original = context.original_exception
        if _closed(original):
            # SQLAlchemy does not recognise it, and the pool must not reuse the connection.
            context.is_disconnect = True
        if not isinstance(context.sqlalchemy_exception, DBAPIError):
            return
        message = _safe_message(original, bool(context.parameters))
        context.sqlalchemy_exception.args = (message,)
        for error in _driver_errors(original):
            error.args = (message,)
            for name in _REPEATING:
                if getattr(error, name, None):
                    setattr(error, name, None)


def _safe_message(original: BaseException, with_values: bool) -> str:
    """Describe a driver's error without values that its statement contained or bound."""
    cause = original.__cause__ or original
    plain = str(cause.args[0]) if cause.args else ""
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", type(cause).__name__)
        # Only SQLITE_ERROR, an error in the statement, can repeat a value in its message.
        shown = plain if name != "SQLITE_ERROR" or not with_values else ""
        return f"{name}: {shown}" if shown else f"{name} (message withheld)"
    state = _state(original)
    names = [f"{name[:-5]} {value}" for name in _NAMING if (value := getattr(cause, name, None))]
    head = ", ".join((type(cause).__name__, *([f"SQLSTATE {state}"] if state else ()), *names))
    may_repeat = with_values and not state.startswith(_TRANSIENT) and not _closed(original)
    return head if may_repeat else f"{head}: {plain}"


def _driver_errors(error: BaseException | None) -> Iterator[BaseException]:
    """Yield a driver's error and the errors of the driver that caused it."""
    while error is not None and type(error).__module__.startswith(_DRIVERS):
        yield error
        error = error.__cause__ or error.__context__


def _too_slow(error: BaseException) -> bool:
    original = getattr(error, "orig", error)
    interrupted = getattr(original, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
    return interrupted or _state(original) == _CANCELED


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, OperationalError | PoolTimeout | OSError):
        return True
    original = getattr(error, "orig", error)
    if getattr(error, "connection_invalidated", False) or _closed(original):
        return True
    return _state(original).startswith(_TRANSIENT)


def _message(error: BaseException) -> str:
    if isinstance(error, PoolTimeout):
        return "all connections are in use"
    if isinstance(error, DBAPIError):
        # Not `str(error)`, which repeats the statement.
        return str(error.args[0])
    return f"{type(error).__name__}: {error}"


def _closed(error: BaseException | None) -> bool:
    """Return whether a driver found its connection closed; asyncpg only says so in the message."""
    cause = getattr(error, "__cause__", None) or error
    # Messages that repeat a value could contain these words: those are `ValueError`s or come from
    # the server with an SQLSTATE.
    from_driver = not _state(cause) and not isinstance(cause, ValueError)
    return (
        from_driver
        and type(cause).__module__.startswith("asyncpg")
        and "connection" in str(cause)
        and "closed" in str(cause)
    )


def _state(error: Any) -> str:
    """Return the SQLSTATE of a driver's error; empty if it has none."""
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else ""
