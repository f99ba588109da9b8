"""Hooks run in the transaction of the change that was reported, just before it commits."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.database.engine import Database
from kit.database.hooks import Hook, report
from tests.ports.database.rows import Shelf

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ADDED = Hook[str]("added")
COPIED = Hook[str]("copied")


def _shelf(id_: str) -> Shelf:
    return Shelf(id=id_, owner="a", created=NOON)


async def _ids(database: Database) -> set[str]:
    async with database.session() as session:
        return set(await session.scalars(select(col(Shelf.id))))


async def test_a_listener_is_called_once_with_all_changes_of_a_transaction(
    database: Database,
) -> None:
    calls: list[list[str]] = []

    async def copy(session: AsyncSession, changes: Sequence[str]) -> None:
        calls.append(list(changes))
        session.add_all(_shelf(f"copy of {change}") for change in changes)

    database.hooks.register(ADDED, copy)
    async with database.transaction() as session:
        for id_ in ("1", "2"):
            session.add(_shelf(id_))
            report(session, ADDED, id_)
        assert not calls, "the transaction is still under way"
    async with database.transaction():
        pass
    assert calls == [["1", "2"]]
    assert await _ids(database) == {"1", "2", "copy of 1", "copy of 2"}


async def test_a_listener_may_report_changes_itself(database: Database) -> None:
    seen: list[str] = []

    async def copy(session: AsyncSession, changes: Sequence[str]) -> None:
        for change in changes:
            report(session, COPIED, f"copy of {change}")

    async def see(session: AsyncSession, changes: Sequence[str]) -> None:
        seen.extend(changes)

    database.hooks.register(ADDED, copy)
    database.hooks.register(COPIED, see)
    async with database.transaction() as session:
        report(session, ADDED, "1")
    assert seen == ["copy of 1"]


async def test_an_error_in_a_listener_undoes_the_transaction(database: Database) -> None:
    async def refuse(session: AsyncSession, changes: Sequence[str]) -> None:
        raise RuntimeError("refused")

    async def add() -> None:
        async with database.transaction() as session:
            session.add(_shelf("1"))
            report(session, ADDED, "1")

    database.hooks.register(ADDED, refuse)
    with pytest.raises(RuntimeError, match="refused"):
        await add()
    assert await _ids(database) == set()


async def test_nothing_is_called_for_a_transaction_that_failed(database: Database) -> None:
    seen: list[str] = []

    async def see(session: AsyncSession, changes: Sequence[str]) -> None:
        seen.extend(changes)

    async def fail() -> None:
        async with database.transaction() as session:
            report(session, ADDED, "1")
            raise RuntimeError("halfway")

    database.hooks.register(ADDED, see)
    with pytest.raises(RuntimeError, match="halfway"):
        await fail()
    assert not seen
