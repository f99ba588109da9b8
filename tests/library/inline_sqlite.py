"""SQLite without the driver's thread: every call is made at once, in the loop's own thread.

The driver hands each call to a thread and waits for it, which for many small calls takes longer
than the calls. Whoever does one thing after another loses nothing without it.
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
    """Takes what the driver would hand to its thread, and does it."""

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
    """Have every SQLite engine connect so while the block lasts."""
    event.listen(Engine, "do_connect", _connect)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", _connect)


def _connect(dialect: Any, record: object, arguments: object, settings: dict[str, Any]) -> None:
    if dialect.driver == "aiosqlite":
        settings["async_creator_fn"] = InlineConnection
        settings.pop("factory", None)  # It would wait in the end for the thread that is not.
