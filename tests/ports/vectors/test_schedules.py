"""Random schedules of writes and searches, against a dictionary and brute force."""

import random

import numpy as np
import pytest

from kit.clock import new_id
from kit.vectors.base import Space
from tests.ports.vectors.world import World, assert_same, brute_force, owner

SPACE = Space("timbre", "1", 5)


@pytest.mark.parametrize("seed", range(2))
async def test_any_schedule_gives_what_brute_force_gives(world: World, seed: int) -> None:
    chance = random.Random(seed)
    numbers = np.random.default_rng(seed)
    await world.store.ensure(SPACE)
    held = {owner(): {} for _ in range(2)}

    def vector() -> np.ndarray:
        # Few values, so that equal vectors and equal distances occur.
        components = numbers.integers(-2, 3, SPACE.dimension).astype(np.float32)
        return components if components.any() else np.ones(SPACE.dimension, np.float32)

    for _ in range(60):
        me = chance.choice(list(held))
        mine = held[me]
        match chance.randrange(5):
            case 0 | 1:
                count = chance.choice([1, 3, 40])
                ids = [new_id() for _ in range(count)]
                ids += chance.sample(list(mine), min(len(mine), chance.randrange(4)))
                batch = {id_: vector() for id_ in ids}
                await world.put(SPACE, me, batch)
                mine |= batch
            case 2:
                ids = chance.sample(list(mine), min(len(mine), chance.choice([1, 10])))
                assert await world.remove(SPACE, me, ids) == len(ids)
                for id_ in ids:
                    del mine[id_]
            case _:
                allowed = None
                if chance.random() < 0.6:
                    known = [id_ for other in held.values() for id_ in other]
                    allowed = chance.sample(known, chance.randrange(len(known) + 1))
                query, limit = vector(), chance.choice([1, 5, 1000])
                result = await world.search(me, query, limit, space=SPACE, allowed=allowed)
                assert_same(result, brute_force(mine, query, limit, allowed))
        assert await world.store.count(SPACE, me) == len(mine)
