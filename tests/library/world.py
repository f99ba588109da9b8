"""The real job store on a real database, driven from synchronous code and through time."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import Interval, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import ArtifactId, ItemId, OwnerId, WorkerId
from contracts.items import ArtifactKind
from contracts.jobs import InputRef, Make
from kit.clock import new_id
from kit.database.base import Utc
from kit.database.engine import Database
from services.library.policy import Policy
from services.library.tables import METADATA, EventRow, ItemRow, JobRow
from tests.support.clock import ManualClock

Answer = TypeVar("Answer")

OWNERS = tuple(OwnerId(f"00000000-0000-7000-8000-00000000000{n}") for n in (1, 2))
ITEMS = {owner: ItemId(owner.replace("-8000-", "-9000-")) for owner in OWNERS}
WORKERS = tuple(WorkerId(f"00000000-0000-7000-a000-00000000000{n}") for n in (1, 2, 3))
MAKES = tuple(Make(engine=f"engine{n}", version="1", fingerprint=str(n) * 64) for n in (1, 2))
FILES = ("a" * 64, "b" * 64)

# Every pass of time in the model is a whole multiple of 5 s, and no limit is: so the seconds
# that a test run takes on a database with a clock of its own change no outcome.
POLICY = Policy(
    lease=timedelta(seconds=62.5),
    overrun=timedelta(seconds=62.5),
    attempts=2,
    crashes=2,
    lost=2,
    start_within=timedelta(seconds=40_002.5),
    close_within=timedelta(seconds=86_402.5),
    ageing=timedelta(seconds=1_802.5),
    owner_running=2,
    owner_queued=3,
    house_queued=4,
    quarantine=timedelta(seconds=86_402.5),
    offered=timedelta(seconds=122.5),
)


@dataclass(frozen=True)
class Store:
    """The modules of the job store: the real ones, or a mutant's."""

    jobs: ModuleType
    claims: ModuleType
    endings: ModuleType

    @classmethod
    def of(cls, package: str) -> "Store":
        return cls(
            *(importlib.import_module(f"{package}.{n}") for n in ("jobs", "claims", "endings"))
        )


def input_of(owner: OwnerId, sha256: str) -> InputRef:
    return InputRef(
        artifact=ArtifactId(new_id()),
        item=ITEMS[owner],
        kind=ArtifactKind.CANONICAL,
        name="canonical.flac",
        bucket="derived",
        key=f"{owner}/x",
        size=1,
        sha256=sha256,
    )


class World:
    """A database with the library's tables in it, and a loop to reach it from plain functions."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.database = self.runner.run(self._open(url))

    async def _open(self, url: str) -> Database:
        database = Database(url, clock=self.clock, pool=2)
        await database.run_sync(METADATA.create_all)
        return database

    def close(self) -> None:
        self.runner.run(self.database.close())
        self.runner.close()

    def do(self, function: Callable[[AsyncSession], Awaitable[Answer]]) -> Answer:
        """Call a function inside a transaction of its own."""

        async def inside() -> Answer:
            async with self.database.transaction() as session:
                return await function(session)

        return self.runner.run(inside())

    def fresh(self) -> None:
        """Empty every table, then add each owner and item."""

        async def inside(session: AsyncSession) -> None:
            for table in reversed(METADATA.sorted_tables):
                await session.execute(delete(table))
            now = await self.database.time(session)
            for owner, item in ITEMS.items():
                await session.execute(
                    insert(ItemRow).values(
                        id=item, owner=owner, kind="track", state="ready", name="x",
                        created=now, updated=now, labels={}, search="",
                    )
                )  # fmt: skip

        self.do(inside)

    def advance(self, seconds: float) -> None:
        """Let time pass: a clock of ours moves on, a database with its own has its rows aged."""
        if self.database.sqlite:
            self.clock.advance(seconds)
            return

        async def inside(session: AsyncSession) -> None:
            for name in ("jobs", "makes"):
                table = METADATA.tables[name]
                by = bindparam("by", timedelta(seconds=seconds), Interval())
                times: Any = {c.name: c - by for c in table.columns if isinstance(c.type, Utc)}
                await session.execute(update(table).values(times))

        self.do(inside)

    def read(self, function: Callable[[AsyncSession], Awaitable[Answer]]) -> Answer:
        """Call a function with a session that only reads."""

        async def inside() -> Answer:
            async with self.database.session() as session:
                return await function(session)

        return self.runner.run(inside())

    def rows(self) -> dict[str, JobRow]:
        async def inside(session: AsyncSession) -> list[JobRow]:
            return list(await session.scalars(select(JobRow)))

        return {row.id: row for row in self.read(inside)}

    def events(self, after: int) -> list[EventRow]:
        async def inside(session: AsyncSession) -> list[EventRow]:
            query = select(EventRow).where(col(EventRow.seq) > after).order_by(col(EventRow.seq))
            return list(await session.scalars(query))

        return self.read(inside)

    def now(self) -> datetime:
        return self.read(self.database.time)
