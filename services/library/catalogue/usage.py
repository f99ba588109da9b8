"""What owners store, counted exactly: every change of it in the transaction that makes it.

Each owner has one row of counters. Bytes are added by one guarded statement, so that transactions
at the same time cannot pass a limit together. An object is counted once, however many items have
it: a stem is a file of its song and the audio of its own item. The row is the last that a
transaction holds, so that nobody waits for anybody in a circle.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    ScalarSelect,
    String,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped
from sqlmodel import col

from contracts.objects import Bucket
from contracts.uploads import UploadState, Usage
from kit.database.engine import Database, database_of
from kit.database.upsert import insert_into
from services.library.catalogue.tables import OPENING, ArtifactRow, UploadRow, UsageRow
from services.library.jobs.policy import Policy

log = logging.getLogger(__name__)

MISCOUNTED = Gauge(
    "library_miscounted_owners",
    "Owners in the last look whose stored bytes are counted wrong: 0.",
)
COMPARED = 10
"""Owners whose counters are compared with what they count at each look."""
_SERVER = "stored bytes of the server"
"""The lock under which bytes are added where the whole server has a limit."""
_TOTAL = col(UsageRow.originals) + col(UsageRow.results) + col(UsageRow.uploads)
_OWNER = bindparam("of_owner", type_=String)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """There is no room for bytes that were to be added."""

    stored: int
    limit: int
    wanted: int = 0
    """Bytes that were to be added; 0 where it is enough to know that there is no room at all."""
    whole_server: bool = False

    @property
    def message(self) -> str:
        """What was wrong and what to do, to follow what was refused."""
        left = max(0, self.limit - self.stored)
        needs = f"This needs {_bytes(self.wanted)}, and of" if self.wanted else "Of"
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
    session: AsyncSession, owner: str, *, policy: Policy, uploads: int = 0, results: int = 0
) -> Shortage | None:
    """Count bytes that an owner is about to store, or return why there is no room for them.

    Nothing is counted when there is not room for all of them, for the owner and on the server.
    """
    wanted = uploads + results
    if not wanted:
        return None
    database = database_of(session)
    statement = database.prepared("reserve", lambda: _reserving(database))
    asked = {
        "of_owner": owner,
        "more_uploads": uploads,
        "more_results": results,
        "most": policy.owner_bytes,
    }
    # The guard of the statement speaks only of a row that is there.
    fits = wanted <= policy.owner_bytes
    if not fits or (await session.execute(statement, asked)).scalar_one_or_none() is None:
        stored = (await stored_by(session, owner)).total
        return Shortage(wanted=wanted, stored=stored, limit=policy.owner_bytes)
    if policy.server_bytes is not None:
        await database.lock(session, _SERVER)
        total = await _stored_by_all(session)
        if total > policy.server_bytes:
            await change(session, owner, uploads=-uploads, results=-results)
            return Shortage(
                wanted=wanted,
                stored=total - wanted,
                limit=policy.server_bytes,
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


async def lacking(
    session: AsyncSession, stored: int, wanted: int = 0, *, policy: Policy
) -> Shortage | None:
    """Return why there is no room for bytes as things stand, or for none at all; count nothing.

    `stored` is what their owner stores.
    """
    needed = wanted or 1
    if stored + needed > policy.owner_bytes:
        return Shortage(wanted=wanted, stored=stored, limit=policy.owner_bytes)
    if policy.server_bytes is not None:
        total, limit = await _stored_by_all(session), policy.server_bytes
        if total + needed > limit:
            return Shortage(wanted=wanted, stored=total, limit=limit, whole_server=True)
    return None


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes of an owner, by kind."""

    originals: int = 0
    results: int = 0
    uploads: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.originals + self.results + self.uploads


async def stored_by(session: AsyncSession, owner: str) -> Stored:
    """Return what an owner stores."""
    statement = database_of(session).prepared("usage", _reading)
    row = (await session.execute(statement, {"of_owner": owner})).one_or_none()
    return Stored(*row) if row else Stored()


def show(stored: Stored, *, policy: Policy) -> Usage:
    """Return what an owner stores as the API shows it."""
    return Usage(
        originals=stored.originals,
        results=stored.results,
        uploads=stored.uploads,
        total=stored.total,
        limit=policy.owner_bytes,
    )


class CounterCheck:
    """Compares counters with the rows they count: a few owners at each look, all in turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = ""

    async def compare(self) -> Sequence[str]:
        """Look once; return the owners whose counters are wrong."""
        owner = col(UsageRow.owner)
        some = select(owner).where(owner > self._after).order_by(owner).limit(COMPARED)
        statement = self._database.prepared("count again", _counting_again)
        wrong = []
        async with self._database.session() as session:
            owners = list(await session.scalars(some))
            # Whoever cannot be counted now does not keep the others from being looked at.
            self._after = owners[-1] if len(owners) == COMPARED else ""
            for one in owners:
                row = (await session.execute(statement, {"of_owner": one})).one_or_none()
                if row is not None and row[:3] != tuple(map(int, row[3:])):
                    log.error("what %s stores is counted wrong: %s", one, tuple(row))
                    wrong.append(one)
        MISCOUNTED.set(len(wrong))
        return wrong


def _counting_again() -> Executable:
    """Return the query of an owner's counters and of what they should be, at one moment."""
    artifact, upload = col(ArtifactRow.owner), col(UploadRow.owner)
    # The subject that an object was made of has it under its own name; others borrow it.
    key, prefix = col(ArtifactRow.object_key), col(ArtifactRow.owner) + "/"
    of_subject = prefix + col(ArtifactRow.subject_kind) + "/" + col(ArtifactRow.subject_id) + "/"
    # Keys of earlier versions name the item alone.
    own = or_(
        key.startswith(of_subject),
        key.startswith(prefix + col(ArtifactRow.item) + "/"),
    )

    def total(column: Any, *where: ColumnElement[bool]) -> ScalarSelect[int]:
        return select(func.coalesce(func.sum(column), 0)).where(*where).scalar_subquery()

    size, bucket = col(ArtifactRow.size), col(ArtifactRow.bucket)
    under_way = col(UploadRow.state).in_((OPENING, UploadState.OPEN))
    return select(
        *(col(UsageRow.originals), col(UsageRow.results), col(UsageRow.uploads)),
        total(size, artifact == _OWNER, bucket == Bucket.ORIGINALS),
        total(size, artifact == _OWNER, bucket == Bucket.DERIVED, own),
        total(col(UploadRow.size), upload == _OWNER, under_way),
    ).where(col(UsageRow.owner) == _OWNER)


async def _stored_by_all(session: AsyncSession) -> int:
    # One row for each owner: few, beside what they store.
    return int((await session.execute(select(func.coalesce(func.sum(_TOTAL), 0)))).scalar_one())


def _reading() -> Executable:
    return select(col(UsageRow.originals), col(UsageRow.results), col(UsageRow.uploads)).where(
        col(UsageRow.owner) == _OWNER
    )


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
        where=_TOTAL + more <= bindparam("most", type_=BigInteger),
    ).returning(col(UsageRow.owner))


def _bytes(count: int) -> str:
    return f"{count:,} bytes"
