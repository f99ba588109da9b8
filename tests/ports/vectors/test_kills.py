"""Processes that store and search are killed: what they committed is found, and nothing else."""

import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from sqlalchemy import select

from kit.clock import SystemClock
from kit.database.engine import Database
from kit.vectors.exact import ExactVectors
from kit.vectors.ids import unpack
from kit.vectors.tables import VECTORS
from tests.ports.vectors.world import SPACE, World, assert_same, brute_force, owner
from tests.ports.vectors.writer import FLUSH_ROWS

KILLS = 4
QUERY = np.linspace(-1, 1, SPACE.dimension, dtype=np.float32)


def kill_one_that_writes(folder: Path, me: str, turns: int) -> None:
    """Start a process that writes, and kill it after so many turns, somewhere in the next one."""
    writer = subprocess.Popen(
        (sys.executable, "-m", "tests.ports.vectors.writer", str(folder), me),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert writer.stdout is not None
    with contextlib.closing(writer.stdout) as turn_ends:
        for _ in range(turns):
            assert turn_ends.readline(), "the writer ended by itself"
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()


async def test_what_was_committed_is_found_after_kills(tmp_path: Path) -> None:
    chance, me = random.Random(0), owner()
    for _ in range(KILLS):
        kill_one_that_writes(tmp_path, me, chance.randrange(1, 12))
        database = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db", clock=SystemClock())
        store = ExactVectors(database, tmp_path / "vectors", flush_rows=FLUSH_ROWS)
        async with database.session() as session:
            query = select(VECTORS.c.id, VECTORS.c.vector).where(VECTORS.c.vector.is_not(None))
            rows = (await session.execute(query)).all()
        vectors = {
            unpack(np.frombuffer(row.id, np.uint8)[None])[0]: np.frombuffer(
                row.vector, "<f2"
            ).astype(np.float32)
            for row in rows
        }
        assert len(vectors) >= FLUSH_ROWS
        result = await World(store, database).search(me, QUERY, 10_000)
        assert_same(result, brute_force(vectors, QUERY, 10_000))
        await store.close()
        await database.close()
