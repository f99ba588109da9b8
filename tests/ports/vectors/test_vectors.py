"""What every vector store does."""

import asyncio

import numpy as np
import pytest

from kit.clock import new_id
from kit.vectors.base import MAX_LIMIT, Space, UnknownSpace, WeightedVector
from kit.vectors.ids import unpack
from tests.ports.vectors.world import (
    SPACE,
    World,
    assert_same,
    brute_force,
    owner,
    random_vectors,
)


def axis(number: int, *, dimension: int = SPACE.dimension) -> np.ndarray:
    return np.eye(dimension, dtype=np.float32)[number]


async def test_the_nearest_come_first_with_their_distance(world: World) -> None:
    await world.store.ensure(SPACE)
    me, same, near, far, opposite = owner(), new_id(), new_id(), new_id(), new_id()
    vectors = {far: axis(1), opposite: -axis(0), near: axis(0) + axis(1), same: 5 * axis(0)}
    await world.put(SPACE, me, vectors)
    result = await world.search(me, axis(0))
    assert [neighbour.id for neighbour in result] == [same, near, far, opposite]
    distances = [neighbour.distance for neighbour in result]
    np.testing.assert_allclose(distances, [0, 1 - 2**-0.5, 1, 2], atol=1e-6)


async def test_the_limit_is_filled_or_all_are_returned(world: World) -> None:
    await world.store.ensure(SPACE)
    me, vectors = owner(), random_vectors(300)
    await world.put(SPACE, me, vectors)
    query = axis(0)
    for limit in (1, 7, 300, 301, MAX_LIMIT):
        result = await world.search(me, query, limit)
        assert_same(result, brute_force(vectors, query, limit))


async def test_the_nearest_of_several_are_those_of_each(world: World) -> None:
    await world.store.ensure(SPACE)
    me, vectors = owner(), random_vectors(300)
    await world.put(SPACE, me, vectors)
    removed, *some = list(vectors)[::30]
    await world.remove(SPACE, me, [removed])
    del vectors[removed]
    nearest = await world.store.nearest_of(SPACE, me, [*some, removed, new_id()], limit=7)
    assert nearest.keys() == set(some)
    for id_, neighbours in nearest.items():
        assert neighbours[0].id == id_
        assert_same(neighbours, brute_force(vectors, vectors[id_], 7))
    assert await world.store.nearest_of(SPACE, owner(), some, limit=7) == {}
    assert await world.store.nearest_of(SPACE, me, [], limit=7) == {}
    with pytest.raises(ValueError, match="neighbours"):
        await world.store.nearest_of(SPACE, me, some, limit=0)


async def test_only_allowed_ids_are_found_and_never_too_few(world: World) -> None:
    await world.store.ensure(SPACE)
    me, vectors = owner(), random_vectors(1000)
    await world.put(SPACE, me, vectors)
    for share in (0.0, 0.01, 0.1, 0.5, 1.0):
        allowed = list(vectors)[: int(share * len(vectors))]
        strangers = [new_id(), new_id()]
        for query in random_vectors(3, seed=1).values():
            result = await world.search(me, query, 10, allowed=[*allowed, *strangers, *allowed])
            assert_same(result, brute_force(vectors, query, 10, allowed))


async def test_a_filter_of_the_farthest_finds_them(world: World) -> None:
    """The allowed vectors lie opposite to the query: an index meets all others first."""
    await world.store.ensure(SPACE)
    me = owner()
    vectors = {id_: abs(vector) for id_, vector in random_vectors(2000).items()}
    far = {id_: -vector for id_, vector in vectors.items()}
    vectors |= dict(zip((new_id() for _ in range(20)), far.values(), strict=False))
    allowed = list(vectors)[-20:]
    await world.put(SPACE, me, vectors)
    query = np.ones(SPACE.dimension, np.float32)
    result = await world.search(me, query, 20, allowed=allowed)
    assert_same(result, brute_force(vectors, query, 20, allowed))


async def test_no_owner_finds_reads_counts_or_removes_what_another_has(world: World) -> None:
    await world.store.ensure(SPACE)
    me, other = owner(), owner()
    mine, theirs = random_vectors(20), random_vectors(30, seed=1)
    shared = next(iter(theirs))  # The same id twice, as no two items have it.
    mine[shared] = axis(0)
    await world.put(SPACE, me, mine)
    await world.put(SPACE, other, theirs)
    assert {n.id for n in await world.search(me, axis(0), 100)} == set(mine)
    assert {n.id for n in await world.search(other, axis(0), 100)} == set(theirs)
    assert {n.id for n in await world.search(me, axis(0), 100, allowed=theirs)} == {shared}
    assert set(await world.store.get(SPACE, me, [*theirs])) == {shared}
    assert await world.remove(SPACE, me, [id_ for id_ in theirs if id_ != shared]) == 0
    assert await world.store.count(SPACE, other) == 30
    assert await world.search(owner(), axis(0)) == []
    assert await world.store.count(SPACE, owner()) == 0
    await world.remove_owner(me)
    assert await world.search(me, axis(0)) == []
    assert {n.id for n in await world.search(other, axis(0), 100)} == set(theirs)


async def test_all_vectors_of_an_owner_are_read(world: World) -> None:
    await world.store.ensure(SPACE)
    mine, other = owner(), owner()
    empty = await world.store.read_all(SPACE, mine)
    assert (empty.ids.shape, empty.vectors.shape) == ((0, 16), (0, SPACE.dimension))
    vectors = random_vectors(12)
    await world.put(SPACE, mine, vectors)
    await world.put(SPACE, other, random_vectors(3, seed=1))
    gone, replaced, *_ = vectors
    await world.remove(SPACE, mine, [gone])
    vectors[replaced] = -vectors[replaced]
    await world.put(SPACE, mine, {replaced: vectors[replaced]})
    del vectors[gone]
    owned = await world.store.read_all(SPACE, mine)
    assert sorted(unpack(owned.ids)) == sorted(vectors)
    stored = await world.store.get(SPACE, mine, list(vectors))
    for id_, vector in zip(unpack(owned.ids), owned.vectors, strict=True):
        assert np.array_equal(vector, stored[id_])


async def test_a_vector_is_replaced_under_its_id(world: World) -> None:
    await world.store.ensure(SPACE)
    me, id_ = owner(), new_id()
    await world.put(SPACE, me, {id_: axis(0), new_id(): axis(2)})
    assert (await world.search(me, axis(0), 1))[0].id == id_
    await world.put(SPACE, me, {id_: axis(1)})
    assert await world.store.count(SPACE, me) == 2
    assert (await world.search(me, axis(1), 1))[0].id == id_
    assert (await world.search(me, axis(0), 1))[0].distance == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose((await world.store.get(SPACE, me, [id_]))[id_], axis(1))


async def test_a_removed_vector_is_gone_and_may_come_back(world: World) -> None:
    await world.store.ensure(SPACE)
    me, id_ = owner(), new_id()
    others = random_vectors(5)
    await world.put(SPACE, me, {id_: axis(0), **others})
    assert len(await world.search(me, axis(0))) == 6
    assert await world.remove(SPACE, me, [id_, new_id(), id_]) == 1
    assert await world.remove(SPACE, me, [id_]) == 0
    assert await world.store.count(SPACE, me) == 5
    assert id_ not in {n.id for n in await world.search(me, axis(0))}
    assert await world.store.get(SPACE, me, [id_]) == {}
    await world.put(SPACE, me, {id_: axis(0)})
    assert (await world.search(me, axis(0)))[0].id == id_
    assert await world.store.count(SPACE, me) == 6


async def test_what_is_not_committed_is_not_found(world: World) -> None:
    await world.store.ensure(SPACE)
    me, kept = owner(), new_id()
    await world.put(SPACE, me, {kept: axis(0)})

    async def give_up() -> None:
        async with world.database.transaction() as session:
            await world.store.put(session, SPACE, me, {new_id(): axis(0)})
            await world.store.remove(session, SPACE, me, [kept])
            assert [n.id for n in await world.search(me, axis(0))] == [kept]
            raise RuntimeError("given up")

    with pytest.raises(RuntimeError, match="given up"):
        await give_up()
    assert [n.id for n in await world.search(me, axis(0))] == [kept]
    assert await world.store.count(SPACE, me) == 1


async def test_several_vectors_are_added_and_subtracted(world: World) -> None:
    await world.store.ensure(SPACE)
    me, both, first, second = owner(), new_id(), new_id(), new_id()
    vectors = {both: axis(0) + axis(1), first: axis(0), second: axis(1)}
    await world.put(SPACE, me, vectors)

    async def nearest(*parts: tuple[np.ndarray, float]) -> str:
        query = [WeightedVector(vector, weight) for vector, weight in parts]
        return (await world.store.search(SPACE, me, query, limit=1))[0].id

    assert await nearest((axis(0), 1.0), (9 * axis(1), 1.0)) == both
    assert await nearest((axis(0), 1.0), (axis(1), 0.1)) == first
    assert await nearest((axis(0) + axis(1), 1.5), (axis(0), -1.0)) == second
    with pytest.raises(ValueError, match="cancel out"):
        await nearest((axis(0), 1.0), (2 * axis(0), -1.0))
    with pytest.raises(ValueError, match="at least one"):
        await nearest()


async def test_vectors_without_a_direction_are_refused(world: World) -> None:
    await world.store.ensure(SPACE)
    me = owner()
    for vector, problem in (
        (np.zeros(8), "no direction"),
        (np.full(8, np.nan), "not finite"),
        (np.array([np.inf] + [0] * 7), "not finite"),
        (np.ones(7), "8 components"),
        (np.ones((8, 1)), "8 components"),
    ):
        with pytest.raises(ValueError, match=problem):
            await world.put(SPACE, me, {new_id(): axis(0), new_id(): vector.astype(np.float32)})
        with pytest.raises(ValueError, match=problem):
            await world.search(me, vector.astype(np.float32))
    assert await world.store.count(SPACE, me) == 0


async def test_length_does_not_matter(world: World) -> None:
    await world.store.ensure(SPACE)
    me, id_ = owner(), new_id()
    vector = np.linspace(-1, 1, SPACE.dimension, dtype=np.float32)
    for scale in (1e-30, 1e-10, 1e10, 1e30):
        await world.put(SPACE, me, {id_: vector * np.float32(scale)})
        (neighbour,) = await world.search(me, vector)
        assert neighbour.distance == pytest.approx(0, abs=1e-6)


async def test_limits_and_ids_that_cannot_be_are_refused(world: World) -> None:
    await world.store.ensure(SPACE)
    me = owner()
    await world.put(SPACE, me, {new_id(): axis(0)})
    for limit in (0, -1, MAX_LIMIT + 1):
        with pytest.raises(ValueError, match="neighbours"):
            await world.search(me, axis(0), limit)
    for id_ in ("", "a", "x" * 36, "0197F3A2-5B1C-7D2E-8F30-1A2B3C4D5E6F"):
        with pytest.raises(ValueError, match="an id is not"):
            await world.put(SPACE, me, {id_: axis(0)})
        with pytest.raises(ValueError, match="an id is not"):
            await world.search(me, axis(0), allowed=[id_])
    assert await world.store.count(SPACE, me) == 1


async def test_a_new_version_is_filled_while_searches_go_on_in_the_old_one(world: World) -> None:
    old, new = Space("timbre", "1", 8), Space("timbre", "2", 16)
    await world.store.ensure(old)
    me, vectors = owner(), random_vectors(10)
    await world.put(old, me, vectors)
    await world.store.ensure(new)
    assert await world.store.active("timbre") == old
    remade = dict(zip(vectors, random_vectors(10, 16, seed=2).values(), strict=True))
    for id_, vector in remade.items():
        await world.put(new, me, {id_: vector})
        assert len(await world.search(me, axis(0), space=old)) == 10
    async with world.database.transaction() as session:
        await world.store.activate(session, new)
    assert await world.store.active("timbre") == new
    query = axis(0, dimension=16)
    assert_same(await world.search(me, query, space=new), brute_force(remade, query, 10))
    await world.drop(old, limit=3)
    with pytest.raises(UnknownSpace):
        await world.search(me, axis(0), space=old)
    assert await world.store.spaces() == [new]
    assert len(await world.search(me, query, space=new)) == 10


async def test_spaces_are_created_once_and_keep_their_dimension(world: World) -> None:
    await asyncio.gather(*(world.store.ensure(SPACE) for _ in range(4)))
    await world.store.start()
    assert await world.store.spaces() == [SPACE]
    with pytest.raises(ValueError, match="another version"):
        await world.store.ensure(Space("timbre", "1", 9))
    other = Space("timbre", "1", 9)
    with pytest.raises(UnknownSpace):
        await world.put(other, owner(), {new_id(): axis(0, dimension=9)})
    with pytest.raises(UnknownSpace):
        await world.search(owner(), axis(0, dimension=9), space=other)


async def test_an_unknown_space_is_named(world: World) -> None:
    missing = Space("rhythm", "3", 8)
    me = owner()
    for work in (
        lambda: world.put(missing, me, {new_id(): axis(0)}),
        lambda: world.remove(missing, me, [new_id()]),
        lambda: world.search(me, axis(0), space=missing),
        lambda: world.store.count(missing, me),
        lambda: world.store.get(missing, me, [new_id()]),
        lambda: world.store.read_all(missing, me),
    ):
        with pytest.raises(UnknownSpace, match="rhythm 3"):
            await work()
    with pytest.raises(UnknownSpace, match="rhythm"):
        await world.store.active("rhythm")
    await world.drop(missing)


@pytest.mark.parametrize(
    "values", [("Timbre", "1", 8), ("timbre", "a b", 8), ("timbre", "1", 0), ("", "1", 8)]
)
def test_a_space_has_a_plain_name_and_a_dimension(values: tuple[str, str, int]) -> None:
    with pytest.raises(ValueError, match=r"name|components"):
        Space(*values)


async def test_an_owner_is_removed_in_steps_of_bounded_size(world: World) -> None:
    other_space = Space("rhythm", "1", 8)
    me = owner()
    for space in (SPACE, other_space):
        await world.store.ensure(space)
        await world.put(space, me, random_vectors(25))
    await world.search(me, axis(0))
    assert await world.remove_owner(me, limit=10) >= 5
    for space in (SPACE, other_space):
        assert await world.search(me, axis(0), space=space) == []
        assert await world.store.count(space, me) == 0
    await world.store.clean_up()
    vectors = random_vectors(5, seed=3)
    await world.put(SPACE, me, vectors)
    assert {n.id for n in await world.search(me, axis(0))} == set(vectors)


async def test_stored_vectors_are_unit_vectors_at_half_precision(world: World) -> None:
    space = Space("timbre", "1", 200)
    await world.store.ensure(space)
    me, vectors = owner(), random_vectors(50, 200)
    await world.put(space, me, vectors)
    stored = await world.store.get(space, me, [*vectors, new_id()])
    assert set(stored) == set(vectors)
    for id_, vector in vectors.items():
        assert np.linalg.norm(stored[id_]) == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(stored[id_], vector / np.linalg.norm(vector), atol=5e-4)
        nearest = (await world.search(me, stored[id_], 1, space=space))[0]
        assert nearest.id == id_
        assert nearest.distance < 1e-6


async def test_searches_and_writes_at_once(world: World) -> None:
    await world.store.ensure(SPACE)
    me, vectors = owner(), random_vectors(200)
    ids = list(vectors)
    await world.put(SPACE, me, {id_: vectors[id_] for id_ in ids[:50]})

    async def write() -> None:
        for start in range(50, 200, 10):
            await world.put(SPACE, me, {id_: vectors[id_] for id_ in ids[start : start + 10]})
            assert await world.remove(SPACE, me, ids[start : start + 2]) == 2

    async def read() -> None:
        for _ in range(20):
            neighbours = {n.id for n in await world.search(me, axis(0), 300)}
            assert set(ids[:50]) <= neighbours

    await asyncio.gather(write(), read(), read())
    living = {id_: vectors[id_] for n, id_ in enumerate(ids) if n < 50 or n % 10 > 1}
    assert_same(await world.search(me, axis(0), 300), brute_force(living, axis(0), 300))


async def test_a_cancelled_search_harms_none(world: World) -> None:
    await world.store.ensure(SPACE)
    me, vectors = owner(), random_vectors(500)
    await world.put(SPACE, me, vectors)
    for turns in range(30):
        task = asyncio.create_task(world.search(me, axis(0), 500))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert_same(await world.search(me, axis(0), 500), brute_force(vectors, axis(0), 500))
