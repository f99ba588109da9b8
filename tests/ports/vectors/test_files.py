"""Files next to SQLite: killed, damaged, full disks, several processes, compaction."""

import contextlib
import errno
import random
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from kit.arrays import F32
from kit.clock import SystemClock
from kit.database.engine import Database
from kit.durable import DISK, Disk
from kit.vectors.exact import ExactVectors
from kit.vectors.tables import VECTORS
from tests.ports.vectors.world import (
    SPACE,
    World,
    assert_same,
    brute_force,
    owner,
    random_vectors,
)

FLUSH_ROWS = 16
QUERY = np.linspace(-1, 1, SPACE.dimension, dtype=np.float32)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db", clock=SystemClock())
    yield opened
    await opened.close()


Open = Callable[..., World]


@pytest.fixture
async def open_world(database: Database, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens stores over the same database and files, as several processes do."""
    worlds: list[World] = []

    def open_(disk: Disk = DISK, memory: int = 1 << 30) -> World:
        folder = tmp_path / "vectors"
        store = ExactVectors(database, folder, flush_rows=FLUSH_ROWS, disk=disk, memory=memory)
        worlds.append(World(store, database))
        return worlds[-1]

    world = open_()
    await world.store.start()
    await world.store.ensure(SPACE)
    yield open_
    for world in worlds:
        await world.store.close()


def headers(folder: Path) -> list[Path]:
    return list((folder / "vectors").glob("*/header"))


class Killed(Exception):
    """The process ends here."""


class KilledDisk(Disk):
    """Ends the process before one of its operations; knows how much of each file is durable."""

    def __init__(self, operations: int) -> None:
        self._left = operations
        self.killed = False
        self.durable: dict[Path, int] = {}

    def sync(self, path: Path) -> None:
        self._count()
        super().sync(path)
        if path.is_file():
            self.durable[path] = path.stat().st_size

    def rename(self, draft: Path, target: Path) -> None:
        self._count()
        assert self.durable[draft] == draft.stat().st_size, "renamed before it was synced"
        super().rename(draft, target)
        self.durable[target] = self.durable.pop(draft)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            self.killed = True
            raise Killed

    def lose_power(self, folder: Path, seed: int) -> None:
        """Replace what was not synced by other bytes, as a loss of power may."""
        for path in folder.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                kept = self.durable.get(path, 0)
                path.write_bytes(data[:kept] + random.Random(seed).randbytes(len(data) - kept))


@pytest.mark.parametrize("compacting", [False, True])
async def test_killed_at_any_point_nothing_is_lost_or_found_twice(
    open_world: Open, tmp_path: Path, compacting: bool
) -> None:
    me, vectors = owner(), {}
    for operations in range(100):
        disk = KilledDisk(operations)
        world = open_world(disk)
        with contextlib.suppress(Killed):
            for turn in range(3):
                batch = random_vectors(20, seed=operations * 10 + turn)
                await world.put(SPACE, me, batch)
                vectors |= batch
                if compacting:
                    await world.search(me, QUERY)
                    gone = list(vectors)[:-5]
                    await world.remove(SPACE, me, gone)
                    vectors = {id_: vectors[id_] for id_ in list(vectors)[-5:]}
                await world.search(me, QUERY)
                await world.store.close()
        if disk.killed:
            disk.lose_power(tmp_path / "vectors", operations)
        result = await open_world().search(me, QUERY, 10_000)
        assert_same(result, brute_force(vectors, QUERY, 10_000))
        if not disk.killed:
            break
        shutil.rmtree(tmp_path / "vectors", ignore_errors=True)
    else:
        pytest.fail("every number of operations was too few")
    assert operations > 5


async def test_files_are_appended_to_and_used_again(open_world: Open, tmp_path: Path) -> None:
    me, vectors = owner(), random_vectors(FLUSH_ROWS)
    world = open_world()
    await world.put(SPACE, me, vectors)
    assert headers(tmp_path) == []
    await world.search(me, QUERY)
    (header,) = headers(tmp_path)
    first = (header.parent / "vectors-1").read_bytes()
    more = random_vectors(FLUSH_ROWS, seed=1)
    await world.put(SPACE, me, more)
    await world.search(me, QUERY)
    assert (header.parent / "vectors-1").read_bytes().startswith(first)
    assert (header.parent / "vectors-1").stat().st_size == 2 * len(first)
    # A new process reads nothing from the database but what is new.
    vectors |= more
    result = await open_world().search(me, QUERY, 100)
    assert_same(result, brute_force(vectors, QUERY, 100))


def cut_vectors(folder: Path) -> None:
    path = folder / "vectors-1"
    path.write_bytes(path.read_bytes()[:-4])


def cut_ids(folder: Path) -> None:
    path = folder / "ids-1"
    path.write_bytes(path.read_bytes()[:-1])


def change_header(folder: Path) -> None:
    path = folder / "header"
    path.write_bytes(path.read_bytes().replace(b'"rows": ', b'"rows":  '))


def empty_header(folder: Path) -> None:
    (folder / "header").write_bytes(b"")


def lose_ids(folder: Path) -> None:
    (folder / "ids-1").unlink()


def lose_all(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "damage", [cut_vectors, cut_ids, change_header, empty_header, lose_ids, lose_all]
)
async def test_damaged_files_are_made_again(
    open_world: Open, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    me, vectors = owner(), random_vectors(50)
    world = open_world()
    await world.put(SPACE, me, vectors)
    await world.search(me, QUERY)
    damage(headers(tmp_path)[0].parent)
    world = open_world()
    assert_same(await world.search(me, QUERY, 100), brute_force(vectors, QUERY, 100))
    more = random_vectors(FLUSH_ROWS, seed=1)
    await world.put(SPACE, me, more)
    vectors |= more
    assert_same(await world.search(me, QUERY, 100), brute_force(vectors, QUERY, 100))
    assert_same(await open_world().search(me, QUERY, 100), brute_force(vectors, QUERY, 100))


async def test_files_may_be_deleted_while_they_are_searched(
    open_world: Open, tmp_path: Path
) -> None:
    me, vectors, world = owner(), random_vectors(50), open_world()
    await world.put(SPACE, me, vectors)
    await world.search(me, QUERY)
    shutil.rmtree(tmp_path / "vectors")
    assert_same(await world.search(me, QUERY, 100), brute_force(vectors, QUERY, 100))
    more = random_vectors(FLUSH_ROWS, seed=1)
    await world.put(SPACE, me, more)
    vectors |= more
    for reader in (world, open_world()):
        assert_same(await reader.search(me, QUERY, 100), brute_force(vectors, QUERY, 100))
    assert len(headers(tmp_path)) == 1


async def test_files_ahead_of_a_restored_database_are_not_used(tmp_path: Path) -> None:
    path, backup = tmp_path / "test.db", tmp_path / "backup.db"
    me, vectors = owner(), random_vectors(50)
    # The same number of vectors, so that only the sequence tells.
    opposite = {id_: -vector for id_, vector in vectors.items()}
    for expected in (vectors, opposite, vectors):
        database = Database(f"sqlite+aiosqlite:///{path}", clock=SystemClock())
        store = ExactVectors(database, tmp_path / "vectors", flush_rows=FLUSH_ROWS)
        world = World(store, database)
        await store.start()
        await store.ensure(SPACE)
        if not backup.exists() or expected is opposite:
            await world.put(SPACE, me, expected)
        assert_same(await world.search(me, QUERY, 100), brute_force(expected, QUERY, 100))
        await store.close()
        await database.close()
        # The last connection has moved all that is in the log into the file.
        shutil.copy(*(backup, path) if expected is opposite else (path, backup))


class FullDisk(Disk):
    def sync(self, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_full_disk_stops_no_search(open_world: Open, tmp_path: Path) -> None:
    me, vectors = owner(), random_vectors(100)
    world = open_world(FullDisk())
    await world.put(SPACE, me, vectors)
    for _ in range(2):
        assert_same(await world.search(me, QUERY, 100), brute_force(vectors, QUERY, 100))
    await world.remove(SPACE, me, list(vectors)[:90])
    left = {id_: vectors[id_] for id_ in list(vectors)[90:]}
    for _ in range(2):
        assert_same(await world.search(me, QUERY, 100), brute_force(left, QUERY, 100))
    assert headers(tmp_path) == []


async def test_several_processes_write_and_search(open_world: Open) -> None:
    chance, me = random.Random(0), owner()
    vectors: dict[str, F32] = {}
    worlds = [open_world() for _ in range(3)]
    for turn in range(60):
        world = chance.choice(worlds)
        batch = random_vectors(chance.choice([1, 5, 20]), seed=turn)
        await world.put(SPACE, me, batch)
        vectors |= batch
        if len(vectors) > 100:
            gone = chance.sample(list(vectors), 60)
            assert await chance.choice(worlds).remove(SPACE, me, gone) == 60
            vectors = {id_: vector for id_, vector in vectors.items() if id_ not in gone}
        result = await chance.choice(worlds).search(me, QUERY, 1000)
        assert_same(result, brute_force(vectors, QUERY, 1000))
        if chance.random() < 0.3:
            await chance.choice(worlds).store.close()  # Compacting may have ended, or not.
    for world in worlds:
        assert_same(await world.search(me, QUERY, 1000), brute_force(vectors, QUERY, 1000))


async def test_compaction_leaves_out_dead_rows_and_removals(
    open_world: Open, tmp_path: Path
) -> None:
    me, vectors = owner(), random_vectors(200)
    world, other = open_world(), open_world()
    await world.put(SPACE, me, vectors)
    for reader in (world, other):
        await reader.search(me, QUERY)
    gone = list(vectors)[:150]
    await world.remove(SPACE, me, gone)
    left = {id_: vectors[id_] for id_ in list(vectors)[150:]}
    await world.search(me, QUERY)
    await world.store.close()
    folder = headers(tmp_path)[0].parent
    row = SPACE.dimension * 4
    assert [path.stat().st_size for path in folder.glob("vectors-*")] == [50 * row]
    async with world.database.session() as session:
        assert await _rows(session) == 50
    # One that has not seen the removals, which are forgotten, notices.
    for reader in (other, world, open_world()):
        assert_same(await reader.search(me, QUERY, 300), brute_force(left, QUERY, 300))


async def test_few_vectors_that_change_often_leave_nothing_behind(
    open_world: Open, tmp_path: Path
) -> None:
    me, world = owner(), open_world()
    for turn in range(30):
        batch = random_vectors(4, seed=turn)
        await world.put(SPACE, me, batch)
        assert_same(await world.search(me, QUERY), brute_force(batch, QUERY, 10))
        await world.remove(SPACE, me, batch)
        assert await world.search(me, QUERY) == []
        await world.store.close()
    async with world.database.session() as session:
        assert await _rows(session) <= 2 * FLUSH_ROWS


async def test_files_go_with_their_owner(open_world: Open, tmp_path: Path) -> None:
    me, other, world = owner(), owner(), open_world()
    for someone in (me, other):
        await world.put(SPACE, someone, random_vectors(30))
        await world.search(someone, QUERY)
    assert len(headers(tmp_path)) == 2
    await world.remove_owner(me)
    await world.store.clean_up()
    assert len(headers(tmp_path)) == 1
    assert len(await world.search(other, QUERY, 100)) == 30
    await world.drop(SPACE)
    await open_world().store.start()
    assert headers(tmp_path) == []


async def test_copies_that_exceed_the_memory_are_forgotten(open_world: Open) -> None:
    world = open_world(memory=1)
    held = {owner(): random_vectors(10, seed=seed) for seed in range(5)}
    for me, vectors in held.items():
        await world.put(SPACE, me, vectors)
    for me, vectors in [*held.items(), *held.items()]:
        assert_same(await world.search(me, QUERY), brute_force(vectors, QUERY, 10))
        assert len(world.store._copies) == 1


async def _rows(session: AsyncSession) -> int:
    return (await session.execute(select(func.count()).select_from(VECTORS))).scalar_one()
