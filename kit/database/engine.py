"""A database by its address: read sessions, write transactions, locks and migrations.

On SQLite there is one writer, whose transactions begin at once as writes (`BEGIN IMMEDIATE`), and
readers that never wait for it (WAL). On Postgres both have a bounded pool. Reads are statements of
their own: each sees what was committed when it began.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from contracts.music import Seconds
from kit.clock import Clock
from kit.database.actors import NOBODY, SERVICE, acting_as
from kit.database.base import DatabaseUnavailable
from kit.database.clock import DatabaseClock
from kit.database.connections import (
    WriterQueue,
    postgres_engines,
    sqlite_engines,
)
from kit.database.errors import unavailable
from kit.database.hooks import Hooks
from kit.database.locks import (
    LOCK,
    TRY_LEAD,
    TRY_LOCK,
    Leadership,
    held_locks,
    lock_key,
    lock_query,
)
from kit.database.notifications import Notifications
from kit.database.prepared import PreparedStatements

Answer = TypeVar("Answer")

POOL = 10
"""Connections for reading; on Postgres as many for writing."""
STATEMENT_TIMEOUT: Seconds = 5.0
"""How long one statement may take: any on Postgres, on SQLite one that only reads (S22)."""
BUSY_TIMEOUT: Seconds = 10.0
"""How long a writer waits for another process on SQLite, and anyone for a connection."""
FOLLOWER_PAUSE: Seconds = 1.0
"""How often a follower tries to become the leader."""
_DATABASE = "database"


class Database(DatabaseClock, PreparedStatements, Notifications):
    """A database; make it inside the event loop that uses it.

    Its clock, its prepared statements and its notifications are classes of their own, so that a
    function that needs only one of them can say so.

    Parameters
    ----------
    actor
        Whom transactions act as in a context that does not say it; see `kit.database.actors`.

    Raises
    ------
    ValueError
        The address is not one of a file for SQLite or of a Postgres server.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        pool: int = POOL,
        statement_timeout: Seconds = STATEMENT_TIMEOUT,
        busy_timeout: Seconds = BUSY_TIMEOUT,
        actor: str = NOBODY,
    ) -> None:
        parsed = make_url(url)
        DatabaseClock.__init__(self, clock, sqlite=parsed.drivername == "sqlite+aiosqlite")
        PreparedStatements.__init__(self)
        Notifications.__init__(self)
        self._closed = False
        self._clock = clock
        self._threads: set[threading.Thread] = set()
        self.hooks = Hooks()
        """What is done before a transaction commits, by what was reported in it."""
        self._writer_turn: AbstractAsyncContextManager[None] = nullcontext()
        if self.sqlite:
            if parsed.database in (None, "", ":memory:"):
                raise ValueError(
                    f"{url!r} names no file; use sqlite+aiosqlite:////absolute/path/name.db"
                )
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
            self._reader, self._writer = sqlite_engines(
                url,
                readers=pool,
                timeout=statement_timeout,
                busy=busy_timeout,
                closed=lambda: self._closed,
                threads=self._threads,
            )
            self._writer_turn = WriterQueue(busy_timeout)
        elif parsed.drivername == "postgresql+asyncpg":
            self._reader, self._writer = postgres_engines(
                url,
                pool=pool,
                timeout=statement_timeout,
                busy=busy_timeout,
                closed=lambda: self._closed,
                actor=actor,
            )
        else:
            raise ValueError(
                f"a database's address begins with sqlite+aiosqlite:// or postgresql+asyncpg://, "
                f"not {parsed.drivername}://"
            )
        info = {_DATABASE: self}
        self._reads = async_sessionmaker(
            self._reader, expire_on_commit=False, autoflush=False, info=info
        )
        self._writes = async_sessionmaker(self._writer, expire_on_commit=False, info=info)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Give a session that only reads; each statement sees what is committed by then.

        Raises
        ------
        DatabaseUnavailable
        """
        with unavailable():
            async with _closing(self._reads()) as session:
                yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Give a session that writes: committed at the end, undone if the block raises.

        Raises
        ------
        DatabaseUnavailable
        """
        with unavailable():
            async with self._writer_turn, _closing(self._writes()) as session:
                if self.sqlite:
                    await session.connection()  # Begins now: nobody else writes from here on.
                yield session
                # Listeners also write what belongs to others, such as whoever has a share.
                with acting_as(SERVICE):
                    await self.hooks.run(session)
                await session.commit()
        self.notify_committed(session)

    async def lock(self, session: AsyncSession, name: str) -> None:
        """Hold a named lock until the transaction ends; on SQLite a writer is alone anyway."""
        if not self.sqlite and name not in (held := held_locks(session)):
            await session.execute(LOCK, {"key": lock_key(name)})
            held.add(name)

    async def lock_found(
        self, session: AsyncSession, names: Select[str], parameters: dict[str, Any]
    ) -> None:
        """Hold the locks whose names a query returns, with one statement; see `lock`."""
        if not self.sqlite:
            statement = self.prepared(("lock", names), lambda: lock_query(names))
            held_locks(session).update(await session.scalars(statement, parameters))

    async def try_lock(self, session: AsyncSession, name: str) -> bool:
        """Take a named lock until the transaction ends, or return that another has it."""
        if self.sqlite:
            return True
        return bool((await session.execute(TRY_LOCK, {"key": lock_key(name)})).scalar_one())

    @asynccontextmanager
    async def leadership(self, name: str) -> AsyncIterator[Leadership]:
        """Wait until no other process leads by this name, then lead until the block ends.

        Raises
        ------
        DatabaseUnavailable
            Also from the block, where `Leadership.confirm` finds that the lead is gone.
        """
        if self.sqlite:
            # A file has one process that writes to it.
            yield Leadership(None)
            return
        key = {"key": lock_key(name)}
        with unavailable():
            async with self._reader.connect() as connection:
                while not (await connection.execute(TRY_LEAD, key)).scalar_one():
                    await self._clock.sleep(FOLLOWER_PAUSE)
                try:
                    yield Leadership(connection)
                finally:
                    # The connection ends, and with it the lock, however the block was left.
                    await connection.invalidate()

    async def ready(self) -> bool:
        """Return whether the database answers now."""
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT), self.session() as session:
                await session.execute(text("SELECT 1"))
        except (DatabaseUnavailable, TimeoutError):
            return False
        return True

    async def migrate(self, folder: Path) -> None:
        """Bring the tables up to the newest of a folder of migrations; concurrent starts wait."""
        from kit.database.migrations import upgrade

        def run(connection: Connection) -> None:
            if not self.sqlite:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(LOCK, {"key": lock_key("migrations")})
            upgrade(connection, folder)

        with unavailable():
            await self.run_sync(run)

    async def run_sync(self, function: Callable[[Connection], Answer]) -> Answer:
        """Call a function with a synchronous connection inside a write transaction."""
        async with self._writer_turn, self._writer.begin() as connection:
            return await connection.run_sync(function)

    async def close(self) -> None:
        """Close every connection; whoever needs one after that gets `DatabaseClosed`."""
        self._closed = True
        await self._reader.dispose()
        await self._writer.dispose()
        # A driver's thread may still have to report to a cancelled caller, for which it needs
        # the running loop.
        for thread in tuple(self._threads):
            await asyncio.to_thread(thread.join, BUSY_TIMEOUT)


@asynccontextmanager
async def _closing(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Give a session and close it; what it has not committed is undone."""
    try:
        yield session
    except BaseException:
        # Whoever gives up a second time does not leave the connection half undone.
        await asyncio.shield(session.close())
        raise
    # Nothing is left to undo, so closing waits for nobody, and needs no task of its own.
    await session.close()


def database_of(session: AsyncSession) -> Database:
    """Return the database that a session belongs to."""
    database: Database = session.info[_DATABASE]
    return database
