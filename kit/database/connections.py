"""Create SQLAlchemy engines for SQLite and Postgres: one for reading, one for writing."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.ext.asyncio import create_async_engine as create_engine

from contracts.music import Seconds
from kit.database.base import DatabaseClosed, DatabaseUnavailable
from kit.database.errors import withhold_values
from kit.database.sqlite import BEGIN, LOG_AHEAD, single_roundtrip_cursors

_READING: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}


class WriterQueue:
    """Gives SQLite's one writer to transactions in the order in which they ask for it.

    The pool alone lets some of them wait without end. A task that gives the connection back can
    take it again before the task that was woken runs, and that one then waits behind all others.
    """

    def __init__(self, timeout: Seconds) -> None:
        self._timeout = timeout
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> None:
        """Wait for the turn. Raises `DatabaseUnavailable` after the timeout."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._lock.acquire()
        except TimeoutError:
            raise DatabaseUnavailable(
                "the database cannot be used now: all its connections are in use"
            ) from None

    async def __aexit__(self, *error: object) -> None:
        self._lock.release()


def _refuse_after_close(engine: AsyncEngine, closed: Callable[[], bool]) -> None:
    """Raise `DatabaseClosed` where a closed engine would open a connection.

    SQLAlchemy asks the listeners in order until one returns a connection: this one comes first.
    """

    @event.listens_for(engine.sync_engine, "do_connect")
    def _refuse(*_: object) -> None:
        if closed():
            raise DatabaseClosed("the database is closed; a task still uses it")


def sqlite_engines(
    url: str,
    *,
    readers: int,
    timeout: Seconds,
    busy: Seconds,
    closed: Callable[[], bool],
    threads: set[threading.Thread],
) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the read engine and the write engine of an SQLite file.

    Parameters
    ----------
    readers
        Connections for reading; there is one for writing.
    timeout
        Seconds after which a read is interrupted.
    busy
        Maximum wait for another process that writes, and for a free connection.
    closed
        Whether the database is closed; the engines then open no connection any more.
    threads
        Collects the threads of the driver.
    """

    def connect(*arguments: Any, **named: Any) -> sqlite3.Connection:
        # The driver opens each connection in a new thread, in which it runs all statements.
        threads.add(threading.current_thread())
        return sqlite3.Connection(*arguments, **named)

    settings: dict[str, Any] = {
        "connect_args": {"timeout": busy, "factory": connect},
        "max_overflow": 0,
        "pool_timeout": busy,
        "hide_parameters": True,
    }
    writer = create_engine(url, pool_size=1, **settings)
    reader = create_engine(url, pool_size=readers, **_READING, **settings)
    for engine in (writer, reader):
        _refuse_after_close(engine, closed)
        withhold_values(engine)
    single_roundtrip_cursors(writer, busy=busy)
    single_roundtrip_cursors(reader, busy=busy, timeout=timeout)

    def prepare(connection: Any, *statements: str) -> None:
        # Keep the driver from beginning transactions by itself: `_begin` below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()

    waiting = f"PRAGMA busy_timeout={int(busy * 1000)}"

    @event.listens_for(writer.sync_engine, "connect")
    def _connect_writer(connection: Any, _: object) -> None:
        # Wait for other processes that are just opening the file while its mode is set.
        prepare(connection, waiting, LOG_AHEAD, "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON")
        prepare(connection, "PRAGMA busy_timeout=0")

    @event.listens_for(reader.sync_engine, "connect")
    def _connect_reader(connection: Any, _: object) -> None:
        prepare(connection, waiting, "PRAGMA query_only=ON")

    @event.listens_for(writer.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(BEGIN)

    return reader, writer


def postgres_engines(
    url: str,
    *,
    pool: int,
    timeout: Seconds,
    busy: Seconds,
    closed: Callable[[], bool],
    actor: str,
) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the read engine and the write engine of a Postgres database.

    Parameters
    ----------
    pool
        Connections of each engine.
    timeout
        Seconds after which the server cancels a statement.
    busy
        Maximum wait for a connection.
    closed
        Whether the database is closed; the engines then open no connection any more.
    actor
        Whom statements act as in a context that does not say it; see `kit.database.actors`.
    """
    from kit.database.actor_connections import (
        ActorConnection,
        set_actor_of_reads,
        set_actor_of_transactions,
    )

    common = {
        "application_name": "cratedig",
        "statement_timeout": str(int(timeout * 1000)),
        "idle_in_transaction_session_timeout": "60000",
        "timezone": "UTC",
        # The server drops the connections and locks of a vanished process within seconds.
        "tcp_keepalives_idle": "3",
        "tcp_keepalives_interval": "1",
        "tcp_keepalives_count": "2",
    }

    def engine(server_settings: dict[str, str], **settings: Any) -> AsyncEngine:
        new = create_engine(
            url,
            hide_parameters=True,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=busy,
            pool_pre_ping=False,
            pool_recycle=1800,
            connect_args={
                "server_settings": server_settings,
                "timeout": busy,
                "connection_class": ActorConnection,
            },
            **settings,
        )
        _refuse_after_close(new, closed)
        withhold_values(new)
        return new

    reading = {**common, "default_transaction_read_only": "on"}
    reader, writer = engine(reading, **_READING), engine(common)
    set_actor_of_reads(reader, actor)
    set_actor_of_transactions(writer, actor)
    return reader, writer
