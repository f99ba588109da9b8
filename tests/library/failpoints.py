"""Ports with failpoints, at which they raise an error or kill their process.

Each call of a port has failpoints: before and after it, before each statement, before and after
each commit. So the product's own code needs no markers.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.objects import Bucket
from contracts.topics import Topic
from kit.bus.base import AnyEvent, BusError
from kit.bus.memory import MemoryBus
from kit.clock import Clock
from kit.database.actors import SERVICE
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.objects.base import ObjectError
from kit.objects.files import FileStore
from kit.objects.signing import Signer


class Killed(BaseException):
    """The process was killed; product code never catches this."""


@dataclass
class Failpoints:
    """Counts the failpoints that are reached, and fails at the armed ones."""

    at: frozenset[int] = frozenset()
    kills: bool = True
    """Whether the process is killed there; else the port raises its error once."""
    armed: bool = False
    passed: int = 0
    failed: list[str] = field(default_factory=list)

    def arm(self, *at: int, kills: bool) -> None:
        """Arm failpoints, counted from now on."""
        self.at, self.kills, self.armed = frozenset(at), kills, True
        self.passed, self.failed = 0, []

    def reach(self, name: str, reason: Callable[[str], Exception]) -> None:
        if not self.armed:
            return
        self.passed += 1
        if self.passed in self.at:
            self.failed.append(f"{self.passed}, {name}")
            raise Killed(name) if self.kills else reason(f"planned: {name}")

    @contextmanager
    def counting_statements(self) -> Iterator[None]:
        """Make every database statement a failpoint while the block lasts."""

        def before(connection: object, cursor: object, statement: str, *more: object) -> None:
            self.reach(f"before {' '.join(statement.split())[:60]}", DatabaseUnavailable)

        event.listen(Engine, "before_cursor_execute", before)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", before)


class FailingDatabase(Database):
    """A database that may be unavailable before each statement and on both sides of a commit."""

    def __init__(self, url: str, *, clock: Clock, points: Failpoints) -> None:
        super().__init__(url, clock=clock, pool=4, actor=SERVICE)
        self._points = points

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        self._points.reach("before a look", DatabaseUnavailable)
        async with Database.session(self) as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        self._points.reach("before a transaction", DatabaseUnavailable)
        async with Database.transaction(self) as session:
            yield session
            self._points.reach("before a commit", DatabaseUnavailable)
        self._points.reach("after a commit", DatabaseUnavailable)


class FailingStore(FileStore):
    """A store that may be unavailable before a change, or before it confirms the change."""

    def __init__(self, folder: Path, *, points: Failpoints) -> None:
        super().__init__(folder, signer=Signer("secret" * 8))
        self._points = points

    async def put_file(self, bucket: Bucket, key: str, path: Path, *, media_type: str) -> None:
        self._points.reach("before a file is stored", ObjectError)
        await super().put_file(bucket, key, path, media_type=media_type)
        self._points.reach("after a file is stored", ObjectError)

    async def put_bytes(self, bucket: Bucket, key: str, data: bytes, *, media_type: str) -> None:
        self._points.reach("before bytes are stored", ObjectError)
        await super().put_bytes(bucket, key, data, media_type=media_type)
        self._points.reach("after bytes are stored", ObjectError)

    async def get_file(self, bucket: Bucket, key: str, path: Path, *, sha256: str) -> None:
        self._points.reach("before a file is read", ObjectError)
        await super().get_file(bucket, key, path, sha256=sha256)

    async def get_bytes(self, bucket: Bucket, key: str, *, limit: int = 1 << 24) -> bytes:
        self._points.reach("before bytes are read", ObjectError)
        return await super().get_bytes(bucket, key, limit=limit)


class FailingBus(MemoryBus):
    """A bus that may be unavailable before it accepts an event, or before it acknowledges it."""

    def __init__(self, taken: list[tuple[Topic, str, AnyEvent]], *, points: Failpoints) -> None:
        super().__init__()
        self._taken = taken
        self._points = points

    async def publish(self, topic: Topic, event: AnyEvent, *, key: str) -> None:
        self._points.reach(f"before {event.type} is published", BusError)
        await super().publish(topic, event, key=key)
        self._taken.append((topic, key, event))
        self._points.reach(f"after {event.type} is published", BusError)


def unwrapped(error: BaseException) -> BaseException:
    """Return the only error of an exception group, or the error itself."""
    inner: Any = error
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return inner  # type: ignore[no-any-return]
