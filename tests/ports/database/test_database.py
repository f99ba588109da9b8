"""What every database promises."""

import asyncio
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import bindparam, delete, func, insert, literal, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlmodel import col

from kit.clock import SystemClock
from kit.database.base import DatabaseClosed, DatabaseUnavailable
from kit.database.engine import Database, database_of
from kit.database.notifications import notify_on_commit
from kit.database.repository import OwnedRows, Position
from tests.ports.database.rows import METADATA, Entry, Shelf
from tests.support.timeouts import HANG_TIMEOUT

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


async def _put(database: Database, id_: str, *, owner: str = "a", at: datetime = NOON) -> None:
    async with database.transaction() as session:
        session.add(Shelf(id=id_, owner=owner, created=at))


async def _get(database: Database, id_: str) -> Shelf | None:
    async with database.session() as session:
        return (await session.scalars(select(Shelf).where(col(Shelf.id) == id_))).one_or_none()


async def test_what_is_committed_is_seen_and_what_raised_is_not(database: Database) -> None:
    await _put(database, "kept")

    async def break_off() -> None:
        async with database.transaction() as session:
            session.add(Shelf(id="undone", owner="a", created=NOON))
            await session.flush()
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await break_off()
    assert await _get(database, "kept") is not None
    assert await _get(database, "undone") is None


async def test_a_reader_does_not_see_what_is_not_committed(database: Database) -> None:
    async with database.transaction() as session:
        session.add(Shelf(id="1", owner="a", created=NOON))
        await session.flush()
        assert await _get(database, "1") is None
    assert await _get(database, "1") is not None


async def test_a_reader_cannot_write(database: Database) -> None:
    await _put(database, "1")
    with pytest.raises((DBAPIError, DatabaseUnavailable)):
        async with database.session() as session:
            await session.execute(delete(Shelf))
    assert await _get(database, "1") is not None


async def test_times_are_utc_and_exact(database: Database) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))
    await _put(database, "1", at=elsewhere)
    row = await _get(database, "1")
    assert row is not None
    assert row.created == NOON
    assert row.created.utcoffset() == timedelta()
    with pytest.raises(StatementError, match="without a zone"):
        await _put(database, "2", at=NOON.replace(tzinfo=None))


async def test_rows_are_compared_with_the_databases_clock(database: Database) -> None:
    async with database.transaction() as session:
        now = await database.time(session)
        for id_, minutes in (("past", -1), ("future", 1)):
            session.add(Shelf(id=id_, owner="a", created=now + timedelta(minutes=minutes)))

    async def before(offset: timedelta) -> list[str]:
        query = select(col(Shelf.id)).where(col(Shelf.created) < database.now(offset=offset))
        async with database.session() as session:
            return sorted(await session.scalars(query))

    assert await before(timedelta()) == ["past"]
    assert await before(timedelta(minutes=5)) == ["future", "past"]
    assert await before(timedelta(minutes=-5)) == []


async def test_the_clock_moves_within_a_transaction(database: Database) -> None:
    async with database.transaction() as session:
        first = await database.time(session)
        await asyncio.sleep(0.002)
        assert await database.time(session) > first


async def test_json_comes_back_as_it_was(database: Database) -> None:
    value = {"ä": [1, 2.5, None, {"deep": True}], "empty": {}}
    async with database.transaction() as session:
        session.add(Shelf(id="1", owner="a", created=NOON, notes=value))
        session.add(Shelf(id="2", owner="a", created=NOON, notes=None))
    row = await _get(database, "1")
    assert row is not None
    assert row.notes == value
    async with database.session() as session:
        query = select(col(Shelf.id)).where(col(Shelf.notes).is_(None))
        assert list(await session.scalars(query)) == ["2"]


async def test_numbers_grow_and_do_not_come_twice(database: Database) -> None:
    await _put(database, "1")

    async def add() -> int:
        async with database.transaction() as session:
            entry = Entry(shelf="1")
            session.add(entry)
            await session.flush()
            return entry.number or 0

    first, second = await add(), await add()
    async with database.transaction() as session:
        await session.execute(delete(Entry))
    assert first < second < await add()


async def test_what_belongs_to_a_row_goes_with_it(database: Database) -> None:
    await _put(database, "1")
    async with database.transaction() as session:
        session.add(Entry(shelf="1"))
    async with database.transaction() as session:
        await session.execute(delete(Shelf))
    async with database.session() as session:
        assert (await session.execute(select(func.count()).select_from(Entry))).scalar_one() == 0
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await session.execute(insert(Entry).values(shelf="nobody's"))


async def test_no_update_is_lost(database: Database) -> None:
    await _put(database, "1")

    async def grow() -> None:
        async with database.transaction() as session:
            await session.execute(update(Shelf).values(count=col(Shelf.count) + 1))

    await asyncio.gather(*(grow() for _ in range(40)))
    row = await _get(database, "1")
    assert row is not None
    assert row.count == 40


async def test_a_lock_lets_one_in_at_a_time(database: Database) -> None:
    inside = max_inside = 0

    async def enter() -> None:
        nonlocal inside, max_inside
        async with database.transaction() as session:
            await database.lock(session, "door")
            inside += 1
            max_inside = max(max_inside, inside)
            await session.execute(select(func.count()).select_from(Shelf))
            inside -= 1

    await asyncio.gather(*(enter() for _ in range(12)))
    assert max_inside == 1


async def test_a_lock_that_a_query_finds_is_the_one_of_its_name(database: Database) -> None:
    await _put(database, "1")
    names = select(literal("row ").concat(col(Shelf.id))).where(col(Shelf.id) == bindparam("of"))
    async with database.transaction() as session:
        await database.lock_found(session, names, {"of": "2"})
        await database.lock_found(session, names, {"of": "1"})
        await database.lock(session, "row 1")
        if not database.sqlite:  # There a second writer waits for the first one anyway.
            async with database.transaction() as other:
                assert not await database.try_lock(other, "row 1")
                assert await database.try_lock(other, "row 2")


async def test_a_signal_comes_after_the_commit_and_only_then(database: Database) -> None:
    signal = database.listen("news")

    async def break_off() -> None:
        async with database.transaction() as session:
            notify_on_commit(session, "news")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError):
        await break_off()
    assert not signal.is_set()
    async with database.transaction() as session:
        notify_on_commit(session, "news")
        assert not signal.is_set()
    assert signal.is_set()
    assert not database.listen("other").is_set()


async def test_a_session_knows_its_database(database: Database) -> None:
    async with database.session() as reading, database.transaction() as writing:
        assert database_of(reading) is database_of(writing) is database


async def test_one_leads_and_another_follows_when_it_is_gone(url: str, database: Database) -> None:
    if database.sqlite:
        pytest.skip("a file has one process that writes to it, which leads at once")
    other = Database(url, clock=SystemClock())
    led: list[str] = []

    async def follow() -> None:
        async with other.leadership("relay") as lead:
            await lead.confirm()
            led.append("second")

    async with database.leadership("relay") as lead:
        led.append("first")
        following = asyncio.create_task(follow())
        await asyncio.sleep(0.1)
        await lead.confirm()
        led.append("first still")
    async with asyncio.timeout(HANG_TIMEOUT):
        await following
    assert led == ["first", "first still", "second"]
    await other.close()


async def test_a_lead_whose_connection_is_gone_is_noticed(url: str, database: Database) -> None:
    if database.sqlite:
        pytest.skip("there is no connection to lose")

    async def lead_and_lose() -> None:
        async with database.leadership("relay") as lead:
            async with database.transaction() as session:
                await session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks "
                        "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
                    )
                )
            await lead.confirm()

    with pytest.raises(DatabaseUnavailable):
        await lead_and_lose()
    assert await database.ready()


async def test_a_lock_conflict_may_be_retried(url: str) -> None:
    database = Database(url, clock=SystemClock())
    if database.sqlite:
        await database.close()
        pytest.skip("writers come one at a time")
    await database.run_sync(METADATA.create_all)
    await _put(database, "1")
    await _put(database, "2")
    both = asyncio.Barrier(2)

    async def hold(first: str, second: str) -> None:
        async with database.transaction() as session:
            for id_ in (first, second):
                await session.execute(
                    update(Shelf).where(col(Shelf.id) == id_).values(count=col(Shelf.count) + 1)
                )
                if id_ == first:
                    await both.wait()

    ends = await asyncio.gather(hold("1", "2"), hold("2", "1"), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["DatabaseUnavailable", "NoneType"]
    await database.close()


async def test_a_value_that_does_not_fit_is_a_fault_of_the_caller(database: Database) -> None:
    with pytest.raises((DBAPIError, OverflowError)):
        await _count(database, 1 << 70)


async def _count(database: Database, value: int) -> None:
    await _put(database, "1")
    async with database.transaction() as session:
        await session.execute(update(Shelf).values(count=value))


async def test_a_full_server_has_its_own_error(url: str) -> None:
    database = Database(url, clock=SystemClock(), pool=1, busy_timeout=0.1)
    # To connect may take longer than that on a busy machine; the pool keeps the connection.
    while not await database.ready():
        pass
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction() as second:
                await second.execute(text("SELECT 1"))
    await database.close()


async def test_a_file_that_another_process_writes_to_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    url = f"sqlite+aiosqlite:///{path}"
    hasty = Database(url, clock=SystemClock(), busy_timeout=0.1)
    patient = Database(url, clock=SystemClock(), busy_timeout=HANG_TIMEOUT)
    async with patient.transaction() as session:
        await session.execute(text("CREATE TABLE marks (name TEXT)"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        async with hasty.transaction():
            pass
    asyncio.get_running_loop().call_later(0.1, other.execute, "COMMIT")
    async with patient.transaction() as session:
        await session.execute(text("INSERT INTO marks VALUES ('ours')"))
    assert other.execute("SELECT name FROM marks").fetchall() == [("ours",)]
    other.close()
    await hasty.close()
    await patient.close()


async def test_a_new_file_that_another_process_opens_as_well_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    url = f"sqlite+aiosqlite:///{path}"
    hasty = Database(url, clock=SystemClock(), busy_timeout=0.1)
    patient = Database(url, clock=SystemClock(), busy_timeout=HANG_TIMEOUT)
    other = sqlite3.connect(path, isolation_level=None)
    # It stands where one does that is about to have the file written by way of a log.
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="locked"):
        async with hasty.transaction():
            pass
    assert time.monotonic() - began >= 0.1, "it did not wait"
    asyncio.get_running_loop().call_later(0.1, other.execute, "COMMIT")
    async with patient.transaction() as session:
        await session.execute(text("CREATE TABLE marks (name TEXT)"))
    assert other.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    other.close()
    await hasty.close()
    await patient.close()


@pytest.mark.parametrize(
    "away",
    [
        "postgresql+asyncpg://nobody@127.0.0.1:1/none",
        "sqlite+aiosqlite:///{folder}",
    ],
)
async def test_an_unavailable_database_has_its_own_error(away: str, tmp_path: Path) -> None:
    database = Database(away.format(folder=tmp_path), clock=SystemClock())
    assert not await database.ready()
    with pytest.raises(DatabaseUnavailable):
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))
    await database.close()


async def test_a_closed_database_leaves_no_thread_that_owes_an_answer(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db", clock=SystemClock())
    begun = asyncio.Event()

    async def long() -> None:
        async with database.transaction() as session:
            begun.set()
            await session.execute(text(_LONG))

    cancelled = asyncio.create_task(long())
    await begun.wait()
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await database.close()
    assert (
        not set(threading.enumerate())
        - before
        - {thread for thread in threading.enumerate() if thread.name.startswith("asyncio_")}
    )


async def test_a_closed_database_opens_no_connection(database: Database, url: str) -> None:
    closed = Database(url, clock=SystemClock())
    await _put(closed, "1")
    async with closed.session() as early:  # Has no connection yet.
        await closed.close()
        with pytest.raises(DatabaseClosed, match="closed"):
            await early.execute(text("SELECT 1"))
    with pytest.raises(DatabaseClosed):
        await _put(closed, "2")
    with pytest.raises(DatabaseClosed):
        await closed.run_sync(METADATA.create_all)
    assert not await closed.ready()
    await closed.close()
    assert await _get(database, "1") is not None


async def test_writers_of_a_file_take_turns_in_order_of_arrival(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db", clock=SystemClock())
    order: list[str] = []
    first_writes = asyncio.Event()
    second_asks = asyncio.Event()

    async def again_and_again() -> None:
        for _ in range(3):
            async with database.transaction():
                order.append("first")
                first_writes.set()
                await second_asks.wait()

    async def once() -> None:
        await first_writes.wait()
        # The other task goes on when this one waits for the writer, and not before.
        second_asks.set()
        async with database.transaction():
            order.append("second")

    await asyncio.gather(again_and_again(), once())
    assert order == ["first", "second", "first", "first"]
    await database.close()


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite:///x.db", "mysql://x/y"])
def test_an_address_of_no_use_is_refused_with_a_better_one(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite\+aiosqlite://"):
        Database(url, clock=SystemClock())


async def test_pages_show_each_row_once_newest_first(database: Database) -> None:
    for n in range(7):
        # Some were made at the same time: the id decides then.
        await _put(database, f"{n}", at=NOON + timedelta(seconds=n // 2))
    await _put(database, "other", owner="b")
    seen: list[str] = []
    after: Position | None = None
    async with database.session() as session:
        rows = OwnedRows(session, Shelf, "a")
        while True:
            page, after = await rows.page(rows.select(), limit=3, after=after)
            seen += [row.id for row in page]
            if after is None:
                break
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


async def test_another_owners_row_is_not_there(database: Database) -> None:
    await _put(database, "1", owner="a")
    async with database.transaction() as session:
        others = OwnedRows(session, Shelf, "b")
        assert await others.get("1") is None
        assert not await others.delete("1")
        with pytest.raises(ValueError, match="another owner"):
            others.add(Shelf(id="2", owner="a", created=NOON))
        mine = OwnedRows(session, Shelf, "a")
        assert await mine.get("1", for_update=True) is not None
        assert await mine.delete("1")


_LONG = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 300000)
SELECT count(*) FROM counted
"""
