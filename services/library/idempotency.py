"""Idempotency-Key: a request that is sent twice does its work once (R2)."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import Executable, Index, Integer, String, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from contracts.problems import ProblemCode
from kit.database.base import Json, Utc
from kit.database.engine import Database, database_of
from kit.database.upsert import insert_into
from kit.http.errors import ProblemError
from services.library.metadata import Table

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,128}$",
        description="Any text of your own: the same request with the same key is done once.",
    ),
]
Act = Callable[[], Awaitable[tuple[str, int]]]
"""Does the work; returns the id of what was made, and the status."""


class IdempotencyRow(Table, table=True):
    """What was answered to a request that carried an Idempotency-Key."""

    __tablename__ = "idempotency"
    __table_args__ = (Index("ix_idempotency_created", "created"),)

    owner: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_sha256: str
    status: int | None = None
    """Absent while the first request is under way."""
    answer: dict[str, Any] | None = Field(default=None, sa_type=Json)
    created: datetime = Field(sa_type=Utc)


async def once(
    session: AsyncSession,
    act: Act,
    *,
    owner: str,
    route: str,
    key: str | None,
    body: BaseModel | None = None,
) -> tuple[str, int]:
    """Do what a request asks, or return what was made when it was asked first.

    The note of it is written in the transaction of the work: both are there, or neither. A second
    request waits at the note's unique key until the first has ended.

    Raises
    ------
    ProblemError
        The key was used with another body.
    """
    if key is None:
        return await act()
    digest = hashlib.sha256((body.model_dump_json() if body else "").encode()).hexdigest()
    database = database_of(session)
    note = database.prepared("idempotency", lambda: _noting(database))
    mine = {"of_owner": owner, "of_route": route, "of_key": key}
    if (await session.execute(note, {**mine, "digest": digest})).scalar_one_or_none() is None:
        first = (await session.scalars(select(IdempotencyRow).where(*_MINE), mine)).one()
        if first.body_sha256 != digest:
            raise ProblemError(
                ProblemCode.KEY_REUSED,
                "This Idempotency-Key came with another body before; take a new key.",
            )
        if first.status is None or first.answer is None:
            raise ProblemError(
                ProblemCode.IN_FLIGHT, "The first request with this key has not ended; wait."
            )
        return str(first.answer["id"]), first.status
    created, status = await act()
    await session.execute(_ANSWERED, {**mine, "of_answer": {"id": created}, "of_status": status})
    return created, status


_MINE = (
    col(IdempotencyRow.owner) == bindparam("of_owner", type_=String),
    col(IdempotencyRow.route) == bindparam("of_route", type_=String),
    col(IdempotencyRow.key) == bindparam("of_key", type_=String),
)
_ANSWERED = (
    update(IdempotencyRow)
    .where(*_MINE)
    .values(status=bindparam("of_status", type_=Integer), answer=bindparam("of_answer", type_=Json))
    .execution_options(synchronize_session=False)
)


def _noting(database: Database) -> Executable:
    statement = insert_into(database, IdempotencyRow.metadata.tables["idempotency"]).values(
        owner=bindparam("of_owner"),
        route=bindparam("of_route"),
        key=bindparam("of_key"),
        body_sha256=bindparam("digest"),
        created=database.now(),
    )
    return statement.on_conflict_do_nothing().returning(col(IdempotencyRow.key))
