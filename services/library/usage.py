"""Storage usage: how many bytes each owner stores, counted in the transaction of each change.

Each owner has one row of counters. Bytes are added by one guarded statement, so that concurrent
transactions cannot exceed a limit together. An object is counted once, however many items have it:
a stem is a file of its song and the audio of its own item. The row is the last one that a
transaction locks, so that transactions cannot deadlock over it.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    ScalarSelect,
    String,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col

from contracts.uploads import HiddenUsage, Usage
from kit.database.actors import SERVICE, acting_as
from kit.database.engine import Database, database_of
from kit.database.upsert import insert_into
from services.library.metadata import Table


class StorageLimits(Protocol):
    """How many bytes may be stored."""

    @property
    def owner_bytes(self) -> int:
        """By one owner."""
        ...

    @property
    def server_bytes(self) -> int | None:
        """By all owners together, if that is limited."""
        ...


class UsageRow(Table, table=True):
    """Bytes that an owner stores, kept true by whoever adds or removes files."""

    __tablename__ = "usage"

    owner: str = Field(primary_key=True)
    originals: int = Field(default=0, sa_type=BigInteger)
    results: int = Field(default=0, sa_type=BigInteger)
    uploads: int = Field(default=0, sa_type=BigInteger)
    """Announced, and not complete yet."""
    quota: int | None = Field(default=None, sa_type=BigInteger)
    """What the owner may store, if an administrator set it; otherwise the server's default."""


_SERVER = "stored bytes of the server"
"""The lock under which bytes are added where the whole server has a limit."""
_TOTAL = col(UsageRow.originals) + col(UsageRow.results) + col(UsageRow.uploads)
_OWNER = bindparam("of_owner", type_=String)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """There is no room for bytes that were to be added."""

    stored: int
    limit: int
    needed: int = 0
    """Bytes that were to be added; 0 if the question was whether there is any room."""
    whole_server: bool = False

    @property
    def message(self) -> str:
        """What was wrong and what to do, to follow what was refused."""
        left = max(0, self.limit - self.stored)
        needs = f"This needs {_bytes(self.needed)}, and of" if self.needed else "Of"
        if self.whole_server:
            return (
                f"{needs} the {_bytes(self.limit)} that all accounts of this server may store "
                f"together {_bytes(left)} are left. Delete items that you do not need, or ask "
                "whoever runs the server for more room."
            )
        return (
            f"{needs} the {_bytes(self.limit)} that you may store {_bytes(left)} are left. Delete "
            "items that you do not need; GET /v1/usage shows what is stored."
        )


async def reserve(
    session: AsyncSession, owner: str, *, limits: StorageLimits, uploads: int = 0, results: int = 0
) -> Shortage | None:
    """Count bytes that an owner is about to store, or return why there is no room for them.

    Nothing is counted when there is not room for all of them, for the owner and on the server.
    """
    needed = uploads + results
    if not needed:
        return None
    database = database_of(session)
    statement = database.prepared("reserve", lambda: _reserving(database))
    binds = {
        "of_owner": owner,
        "more_uploads": uploads,
        "more_results": results,
        "max_total": limits.owner_bytes,
    }
    # The guard of the statement speaks only of a row that is there, as that of an owner with a
    # quota always is.
    fits = needed <= limits.owner_bytes or (await stored_by(session, owner)).quota is not None
    if not fits or (await session.execute(statement, binds)).scalar_one_or_none() is None:
        stored = await stored_by(session, owner)
        return Shortage(needed=needed, stored=stored.total, limit=stored.limit(limits))
    if limits.server_bytes is not None:
        await database.lock(session, _SERVER)
        total = await _stored_by_all(session)
        if total > limits.server_bytes:
            await change(session, owner, uploads=-uploads, results=-results)
            return Shortage(
                needed=needed,
                stored=total - needed,
                limit=limits.server_bytes,
                whole_server=True,
            )
    return None


async def change(
    session: AsyncSession, owner: str, *, originals: int = 0, results: int = 0, uploads: int = 0
) -> None:
    """Count bytes that are gone, or that have become something else."""
    if originals or results or uploads:
        statement = database_of(session).prepared("recount", _changing)
        by = {"by_originals": originals, "by_results": results, "by_uploads": uploads}
        await session.execute(statement, {"of_owner": owner, **by})


def stored_total(owner: ColumnElement[str] | Mapped[str]) -> ScalarSelect[int]:
    """Return all that an owner stores, as a part of a query that is made anyway."""
    return select(_TOTAL).where(col(UsageRow.owner) == owner).scalar_subquery()


def quota_of(owner: ColumnElement[str] | Mapped[str]) -> ScalarSelect[int | None]:
    """Return an owner's own limit, if there is one, as a part of a query that is made anyway."""
    return select(col(UsageRow.quota)).where(col(UsageRow.owner) == owner).scalar_subquery()


async def lacking(
    session: AsyncSession,
    stored: int,
    needed: int = 0,
    *,
    limits: StorageLimits,
    quota: int | None,
) -> Shortage | None:
    """Return why there is no room for bytes as things stand, or for none at all; count nothing.

    `stored` is what their owner stores, `quota` the owner's own limit.
    """
    more = needed or 1
    limit = limits.owner_bytes if quota is None else quota
    if stored + more > limit:
        return Shortage(needed=needed, stored=stored, limit=limit)
    if limits.server_bytes is not None:
        total, limit = await _stored_by_all(session), limits.server_bytes
        if total + more > limit:
            return Shortage(needed=needed, stored=total, limit=limit, whole_server=True)
    return None


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes of an owner, by kind."""

    originals: int = 0
    results: int = 0
    uploads: int = 0
    quota: int | None = None
    """The owner's own limit, if there is one."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.originals + self.results + self.uploads

    def limit(self, limits: StorageLimits) -> int:
        """Return what the owner may store."""
        return limits.owner_bytes if self.quota is None else self.quota


async def stored_by(session: AsyncSession, owner: str) -> Stored:
    """Return what an owner stores."""
    statement = database_of(session).prepared("usage", _reading)
    row = (await session.execute(statement, {"of_owner": owner})).one_or_none()
    return Stored(*row) if row else Stored()


def show(stored: Stored, hidden: HiddenUsage, *, limits: StorageLimits) -> Usage:
    """Return what an owner stores as the API shows it."""
    return Usage(
        originals=stored.originals,
        results=stored.results,
        uploads=stored.uploads,
        hidden=hidden,
        total=stored.total,
        limit=stored.limit(limits),
    )


async def set_quota(session: AsyncSession, owner: str, quota: int | None) -> None:
    """Set what an owner may store, in bytes; `None` for the server's default.

    What is stored already stays, also beyond a smaller quota.
    """
    statement = insert_into(database_of(session), UsageRow.metadata.tables["usage"]).values(
        owner=owner, originals=0, results=0, uploads=0, quota=quota
    )
    await session.execute(
        statement.on_conflict_do_update(index_elements=["owner"], set_={"quota": quota})
    )


async def _stored_by_all(session: AsyncSession) -> int:
    # One row for each owner: few, beside what they store.
    with acting_as(SERVICE):
        return int((await session.execute(select(func.coalesce(func.sum(_TOTAL), 0)))).scalar_one())


def _reading() -> Executable:
    return select(
        col(UsageRow.originals), col(UsageRow.results), col(UsageRow.uploads), col(UsageRow.quota)
    ).where(col(UsageRow.owner) == _OWNER)


def _changing() -> Executable:
    def by(name: str) -> Any:
        return bindparam(f"by_{name}", type_=BigInteger)

    return (
        update(UsageRow)
        .where(col(UsageRow.owner) == _OWNER)
        .values(
            originals=col(UsageRow.originals) + by("originals"),
            results=col(UsageRow.results) + by("results"),
            uploads=col(UsageRow.uploads) + by("uploads"),
        )
        .execution_options(synchronize_session=False)
    )


def _reserving(database: Database) -> Executable:
    new = insert_into(database, UsageRow.metadata.tables["usage"]).values(
        owner=_OWNER,
        originals=0,
        results=bindparam("more_results", type_=BigInteger),
        uploads=bindparam("more_uploads", type_=BigInteger),
    )
    more = new.excluded.results + new.excluded.uploads
    return new.on_conflict_do_update(
        index_elements=["owner"],
        set_={
            "results": col(UsageRow.results) + new.excluded.results,
            "uploads": col(UsageRow.uploads) + new.excluded.uploads,
        },
        where=_TOTAL + more
        <= func.coalesce(col(UsageRow.quota), bindparam("max_total", type_=BigInteger)),
    ).returning(col(UsageRow.owner))


def _bytes(count: int) -> str:
    return f"{count:,} bytes"
