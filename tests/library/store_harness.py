"""The real job store on a real database, for synchronous code, with time that tests advance."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import NullPool, Row, Select, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from contracts.ids import ArtifactId, ItemId, OwnerId, SubjectId, WorkerId
from contracts.items import ArtifactKind
from contracts.jobs import InputRef, Producer
from contracts.subjects import Subject, SubjectKind
from kit.clock import new_id
from kit.database.base import Utc
from kit.database.engine import Database
from services.library.jobs.policy import Policy, RetryPolicy
from services.library.tables import METADATA
from tests.library.inline_sqlite import inline_sqlite
from tests.support.clock import ManualClock

Answer = TypeVar("Answer")

OWNERS = tuple(OwnerId(f"00000000-0000-7000-8000-00000000000{n}") for n in (1, 2))
ITEMS = {owner: ItemId(owner.replace("-8000-", "-9000-")) for owner in OWNERS}
SUBJECTS = {
    OWNERS[0]: Subject.of_item(ITEMS[OWNERS[0]]),
    OWNERS[1]: Subject(kind=SubjectKind.COLLECTION, id=SubjectId(ITEMS[OWNERS[1]])),
}
"""What each owner's jobs work on: one owner's on an item, the other's on a collection."""
WORKERS = tuple(WorkerId(f"00000000-0000-7000-a000-00000000000{n}") for n in (1, 2, 3))
PRODUCERS = tuple(
    Producer(engine=f"engine{n}", version="1", fingerprint=str(n) * 64) for n in (1, 2)
)
FILES = ("a" * 64, "b" * 64)

# Every pass of time in the model is a whole multiple of 5 s, and no limit is: so the seconds
# that a test run takes on a database with a clock of its own change no outcome.
POLICY = Policy(
    lease=timedelta(seconds=62.5),
    overrun=timedelta(seconds=62.5),
    retry=RetryPolicy(maximum_attempts=2, maximum_crashes=2, maximum_lost=2),
    schedule_to_start_timeout=timedelta(seconds=40_002.5),
    schedule_to_close_timeout=timedelta(seconds=86_402.5),
    ageing=timedelta(seconds=1_802.5),
    patience=timedelta(seconds=302.5),
    owner_running=2,
    owner_queued=3,
    server_queued=4,
    quarantine=timedelta(seconds=86_402.5),
    offered=timedelta(seconds=122.5),
)


_JOBS, _EVENTS, _ITEMS = (METADATA.tables[name] for name in ("jobs", "events", "items"))
_SEEN_OF_JOBS = select(
    *(
        _JOBS.columns[name]
        for name in (
            *("id", "state", "epoch", "attempt", "retries", "crashes", "lost", "reason_code"),
            "seq",
            *("cancel_requested", "worker", "lease_until", "deadline", "not_before", "finished"),
            "result",
        )
    )
)
_SEEN_OF_EVENTS = select(
    *(
        _EVENTS.columns[name]
        for name in ("seq", "topic", "type", "job", "owner", "sequence", "data")
    )
).order_by(_EVENTS.c.seq)


def _ageing(name: str) -> str:
    columns = METADATA.tables[name].columns
    times = (c.name for c in columns if isinstance(c.type, Utc))
    return f"UPDATE {name} SET " + ", ".join(f"{t} = {t} - CAST(:by AS interval)" for t in times)


_AGE = text(f"WITH aged AS ({_ageing('jobs')}) {_ageing('producers')}")
"""Makes everything older that the store compares with a clock which is not ours."""


@dataclass(frozen=True)
class Store:
    """The modules of the job store: the real ones, or a mutant's."""

    submission: ModuleType
    claims: ModuleType
    outcomes: ModuleType

    @classmethod
    def of(cls, package: str) -> "Store":
        return cls(
            *(
                importlib.import_module(f"{package}.jobs.{name}")
                for name in ("submission", "claims", "outcomes")
            )
        )


def input_of(owner: OwnerId, sha256: str) -> InputRef:
    return InputRef(
        artifact=ArtifactId(new_id()),
        subject=Subject.of_item(ITEMS[owner]),
        kind=ArtifactKind.CANONICAL,
        name="canonical.flac",
        bucket="derived",
        key=f"{owner}/x",
        size=1,
        sha256=sha256,
    )


class StoreHarness:
    """A database with the library's tables in it, and a loop to reach it from plain functions.

    The store is driven through its port. The results are read over a second connection, which sees
    only committed rows.
    """

    def __init__(self, url: str) -> None:
        self.clock = ManualClock()
        self._stack = ExitStack()
        self._stack.enter_context(inline_sqlite())
        self._loop = self._stack.enter_context(asyncio.Runner()).get_loop()
        self.database, self._observer = self._run(self._open(url))
        self._rows: dict[str, Row[Any]] | None = None
        self._tail_read = False
        self._last = 0

    async def _open(self, url: str) -> tuple[Database, AsyncConnection]:
        database = Database(url, clock=self.clock, pool=2)
        await database.run_sync(METADATA.create_all)
        engine = create_async_engine(
            url, execution_options={"isolation_level": "AUTOCOMMIT"}, poolclass=NullPool
        )
        return database, await engine.connect()

    def _run(self, awaited: Coroutine[Any, Any, Answer]) -> Answer:
        # `Runner.run` also sees to Ctrl-C, each time anew, which is slower than most statements.
        return self._loop.run_until_complete(awaited)

    def close(self) -> None:
        self._run(self._observer.close())
        self._run(self.database.close())
        self._stack.close()

    def do(self, function: Callable[[AsyncSession], Awaitable[Answer]]) -> Answer:
        """Call a function inside a transaction of its own."""

        async def inside() -> Answer:
            async with self.database.transaction() as session:
                return await function(session)

        self._changed()
        return self._run(inside())

    def look(self, function: Callable[[AsyncSession], Awaitable[Answer]]) -> Answer:
        """Call a function with a session that only reads."""

        async def inside() -> Answer:
            async with self.database.session() as session:
                return await function(session)

        return self._run(inside())

    def _changed(self) -> None:
        self._rows = None
        self._tail_read = False

    def fresh(self) -> None:
        """Empty every table, then add each owner and item."""

        async def inside() -> None:
            for table in reversed(METADATA.sorted_tables):
                await self._observer.execute(delete(table))
            now = datetime.now(UTC)
            for owner, item in ITEMS.items():
                await self._observer.execute(
                    insert(_ITEMS).values(
                        id=item, owner=owner, kind="track", state="ready", name="x",
                        created=now, updated=now, labels={}, search="",
                    )
                )  # fmt: skip

        self._changed()
        self._last = 0
        self._run(inside())

    def advance(self, seconds: float) -> None:
        """Let time pass: a clock of ours moves on, a database with its own has its rows aged."""
        if self.database.sqlite:
            self.clock.advance(seconds)
            return
        self._changed()
        self._run(self._observer.execute(_AGE, {"by": timedelta(seconds=seconds)}))

    def rows(self) -> dict[str, Row[Any]]:
        """Return every job by its id."""
        if self._rows is None:
            self._rows = {row.id: row for row in self._read(_SEEN_OF_JOBS)}
        return self._rows

    def tail(self) -> Sequence[Row[Any]]:
        """Return the events that were not returned before."""
        if self._tail_read:
            return ()
        self._tail_read = True
        events = self._read(_SEEN_OF_EVENTS.where(_EVENTS.c.seq > self._last))
        if events:
            self._last = events[-1].seq
        return events

    def now(self) -> datetime:
        if self.database.sqlite:
            return self.clock.now()
        (row,) = self._read(select(self.database.now().label("now")))
        return row.now  # type: ignore[no-any-return]

    def _read(self, query: Select[Any]) -> Sequence[Row[Any]]:
        rows: Sequence[Row[Any]] = self._run(self._observer.execute(query)).all()
        return rows
