"""`python -m tests.ports.vectors.writer FOLDER OWNER`: stores, removes and searches until killed.

It prints a line after each turn.
"""

import asyncio
import random
import sys
from pathlib import Path

import numpy as np

from kit.clock import SystemClock
from kit.database.engine import Database
from kit.vectors.exact import ExactVectors
from tests.ports.vectors.world import SPACE, World, random_vectors

FLUSH_ROWS = 16


async def main(folder: Path, owner: str) -> None:
    """Write for ever."""
    database = Database(f"sqlite+aiosqlite:///{folder}/test.db", clock=SystemClock())
    store = ExactVectors(database, folder / "vectors", flush_rows=FLUSH_ROWS)
    await store.start()
    await store.ensure(SPACE)
    world = World(store, database)
    query = np.ones(SPACE.dimension, np.float32)
    chance = random.Random()
    while True:
        await world.put(SPACE, owner, random_vectors(40, seed=chance.randrange(1 << 30)))
        held = [neighbour.id for neighbour in await world.search(owner, query, 10_000)]
        await world.remove(SPACE, owner, chance.sample(held, max(len(held) - 30, 0)))
        await world.search(owner, query)
        print("turn", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
