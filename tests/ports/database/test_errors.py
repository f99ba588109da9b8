"""What a database's errors say: what may work later is told as such, and no value is repeated."""

import secrets
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import Integer, String, bindparam, cast, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.clock import SystemClock
from kit.database.base import DatabaseUnavailable, StatementTooSlow
from kit.database.engine import Database
from tests.ports.database.rows import Entry, Shelf
from tests.ports.database.test_database import NOON

Fail = Callable[[AsyncSession, str], Awaitable[object]]


@pytest.fixture
async def single(database: Database, url: str) -> AsyncIterator[Database]:
    """A database with one connection, for which a waiter gets no time."""
    database = Database(url, clock=SystemClock(), pool=1, busy_timeout=0.1)
    yield database
    await database.close()


@pytest.fixture
async def hasty(database: Database, url: str) -> AsyncIterator[Database]:
    """A database that gives a statement little time."""
    database = Database(url, clock=SystemClock(), pool=1, statement_timeout=0.3)
    yield database
    await database.close()


async def _twice(session: AsyncSession, value: str) -> None:
    for _ in range(2):
        await session.execute(insert(Shelf).values(id=value, owner=value, created=NOON, count=0))


async def _of_nothing(session: AsyncSession, value: str) -> None:
    await session.execute(insert(Entry).values(shelf=value))


async def _without_what_must_be(session: AsyncSession, value: str) -> None:
    # The server repeats the whole row.
    await session.execute(
        text("INSERT INTO shelves (id, owner, count) VALUES (:id, :owner, 0)"),
        {"id": value, "owner": value},
    )


async def _of_the_wrong_kind(session: AsyncSession, value: str) -> None:
    if session.get_bind().dialect.name == "sqlite":
        await session.execute(text("CREATE VIRTUAL TABLE words USING fts5(word)"))
        await session.execute(text("SELECT * FROM words WHERE word MATCH :q"), {"q": f'{value}"('})
        return
    await session.execute(select(bindparam("n", value, type_=Integer) + 1))


async def _no_number(session: AsyncSession, value: str) -> None:
    if session.get_bind().dialect.name == "sqlite":
        await session.execute(select(text("json_extract('{}', :path)")), {"path": value})
        return
    await session.execute(select(cast(bindparam("n", value, type_=String), Integer)))


@pytest.mark.parametrize(
    "fail", [_twice, _of_nothing, _without_what_must_be, _of_the_wrong_kind, _no_number]
)
async def test_an_error_repeats_no_value(single: Database, fail: Fail) -> None:
    # Words that a driver is known by when it has lost its connection decide nothing here.
    value = f"connection closed canary{secrets.token_hex(8)}"
    words = await _words_of(_within(single.transaction, fail, value))
    assert "Error" in words
    assert value not in words


async def test_a_constraint_that_was_broken_is_named(single: Database) -> None:
    words = await _words_of(_within(single.transaction, _twice, "1"))
    assert "shelves" in words


async def test_an_error_that_was_handled_meanwhile_keeps_its_words(single: Database) -> None:
    ours = KeyError("a fault of ours")

    async def fail(session: AsyncSession, value: str) -> None:
        try:
            raise ours
        except KeyError:
            await _twice(session, value)

    await _words_of(_within(single.transaction, fail, "1"))
    assert ours.args == ("a fault of ours",)


async def test_a_statement_that_takes_too_long_is_stopped(hasty: Database) -> None:
    value = f"canary{secrets.token_hex(8)}"

    async def fail(session: AsyncSession, value: str) -> None:
        await session.execute(text(_ENDLESS), {"value": value})

    with pytest.raises(StatementTooSlow) as caught:
        await _within(hasty.session, fail, value)
    assert value not in "".join(traceback.format_exception(caught.value))
    # The connection, of which there is one, is as good as before.
    async with hasty.session() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1


async def test_a_caller_without_a_connection_may_retry(single: Database) -> None:
    async def again(session: AsyncSession, value: str) -> None:
        await session.execute(text("SELECT 1"))
        async with single.transaction() as second:
            await second.execute(text("SELECT :value"), {"value": value})

    words = await _words_of(_within(single.transaction, again, "canary"), DatabaseUnavailable)
    assert "connections" in words
    assert "canary" not in words


@pytest.mark.parametrize("then", ["a statement", "the end"])
async def test_a_lost_connection_has_its_own_error(single: Database, then: str) -> None:
    if single.sqlite:
        pytest.skip("a file has no connection to lose")
    value = f"canary{secrets.token_hex(8)}"

    async def lose(session: AsyncSession, value: str) -> None:
        await session.execute(update(Shelf).values(owner=value))
        raw = await (await session.connection()).get_raw_connection()
        driver: Any = raw.driver_connection
        driver.terminate()
        if then == "a statement":
            await session.execute(update(Shelf).where(col(Shelf.id) == value).values(count=1))

    words = await _words_of(_within(single.transaction, lose, value), DatabaseUnavailable)
    assert value not in words
    # The pool, of one connection, does not give the lost one out again. To connect may take longer
    # on a busy machine than the pool waits.
    while not await single.ready():
        pass
    await _within(single.transaction, _once, "1")


async def _once(session: AsyncSession, value: str) -> None:
    await session.execute(insert(Shelf).values(id=value, owner="a", created=NOON, count=0))


async def _within(opened: Callable[[], Any], act: Fail, value: str) -> None:
    async with opened() as session:
        await act(session, value)


async def _words_of(failing: Awaitable[object], kind: type[Exception] = Exception) -> str:
    """Return all that a log would show of an error, its causes included."""
    with pytest.raises(kind) as caught:
        await failing
    return "".join(traceback.format_exception(caught.value))


_ENDLESS = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 1000000000)
SELECT count(*), :value FROM counted
"""
