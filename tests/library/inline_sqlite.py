"""SQLite without the driver's thread: every call runs inline, in the event loop's thread.

The driver hands each call to a thread and waits for it, which takes longer than many small calls.
Tests that make one call at a time lose nothing without the thread.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy import Engine, event


class _AtOnce:
    """A queue that runs each call of the driver at once."""

    def put_nowait(self, call: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = call
        try:
            result = function()
        except Exception as error:
            if future is None:
                raise
            future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


class InlineConnection(aiosqlite.Connection):
    """A connection whose thread never starts."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(partial(sqlite3.connect, *arguments, **settings), iter_chunk_size=64)
        self._tx: Any = _AtOnce()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


@contextmanager
def inline_sqlite() -> Iterator[None]:
    """Make every SQLite engine connect inline while the block lasts."""
    event.listen(Engine, "do_connect", _connect)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", _connect)


def _connect(dialect: Any, record: object, arguments: object, settings: dict[str, Any]) -> None:
    if dialect.driver == "aiosqlite":
        settings["async_creator_fn"] = InlineConnection
        settings.pop("factory", None)  # It would wait for the missing thread on close.
