"""What only the store on Postgres has: the index, and refusals where pgvector is missing."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
from sqlalchemy import text

from kit.clock import SystemClock, new_id
from kit.database.engine import Database
from kit.process import StartRefused
from kit.vectors import statements
from kit.vectors.base import MAX_DIMENSION, Space, UnknownSpace
from kit.vectors.pgvector import PgVectors
from tests.ports.vectors.world import World, brute_force, owner
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

SPACE = Space("timbre", "1", 32)
COUNT = 4000


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = Database(postgres_url, clock=SystemClock())
    yield opened
    await opened.close()


def clustered(seed: int) -> np.ndarray:
    numbers = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((40, SPACE.dimension))
    noise = numbers.standard_normal((COUNT, SPACE.dimension))
    return (centres[numbers.integers(0, 40, COUNT)] + 0.5 * noise).astype(np.float32)


async def test_the_index_finds_nearly_all_also_under_a_filter(database: Database) -> None:
    store = PgVectors(database, exact=0)
    await store.start()
    await store.ensure(SPACE)
    me, world = owner(), World(store, database)
    vectors = {new_id(): vector for vector in clustered(1)}
    await world.put(SPACE, me, vectors)
    await world.put(SPACE, owner(), {new_id(): vector for vector in clustered(2)[:1000]})
    table = statements.table(await store.number(SPACE))
    async with database.transaction() as session:
        await session.execute(text(f"ANALYZE {table}"))
    chance = np.random.default_rng(3)
    for share in (None, 0.01, 0.1, 0.5):
        hits = 0
        queries = clustered(4)[:20]
        for query in queries:
            allowed = None
            if share is not None:
                allowed = [id_ for id_ in vectors if chance.random() < share]
            result = await world.search(me, query, 10, space=SPACE, allowed=allowed)
            expected = brute_force(vectors, query, 10, allowed)
            assert len(result) == len(expected) == 10
            hits += len({n.id for n in result} & {n.id for n in expected})
        assert hits / (10 * len(queries)) >= 0.95, share
    async with database.session() as session:
        query = text("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname LIKE '%_hnsw'")
        await session.execute(text("SELECT pg_stat_force_next_flush()"))
        assert (await session.execute(query)).scalar_one() > 0


async def test_ids_are_looked_up_in_the_index_alone(database: Database) -> None:
    store = PgVectors(database)
    await store.start()
    await store.ensure(SPACE)
    me, world = owner(), World(store, database)
    vectors = {new_id(): vector for vector in clustered(5)}
    await world.put(SPACE, me, vectors)
    number = await store.number(SPACE)
    search = statements.search_all(number, SPACE, filtered=True, by_id=True)
    parameters = {"owner": me, "ids": ",".join(list(vectors)[:50]), "limit": 10}
    async with database.session() as session:
        await session.execute(text(f"VACUUM ANALYZE {statements.table(number)}"))
        query = {"query": [1.0] * SPACE.dimension}
        plan = (await session.execute(text(f"EXPLAIN {search}"), parameters | query)).scalars()
        assert any("Index Only Scan" in line for line in plan)


async def test_the_longest_vectors_are_found(database: Database) -> None:
    store = PgVectors(database)
    await store.start()
    long = Space("timbre", "long", MAX_DIMENSION)
    await store.ensure(long)
    me, world = owner(), World(store, database)
    chance = np.random.default_rng(6)
    vectors = {new_id(): chance.standard_normal(MAX_DIMENSION).astype(np.float32) for _ in range(9)}
    await world.put(long, me, vectors)
    for id_, vector in vectors.items():
        nearest = await world.search(me, vector, 1, space=long, allowed=list(vectors))
        assert [neighbour.id for neighbour in nearest] == [id_]


async def test_settings_of_a_search_end_with_it(database: Database) -> None:
    store = PgVectors(database, exact=0)
    await store.start()
    await store.ensure(SPACE)
    me = owner()
    world = World(store, database)
    await world.put(SPACE, me, {new_id(): clustered(1)[0]})
    await world.search(me, clustered(1)[0], space=SPACE)
    async with database.session() as session:
        for name in ("hnsw.iterative_scan", "jit"):
            query = text("SELECT source FROM pg_settings WHERE name = :name")
            assert (await session.execute(query, {"name": name})).scalar_one() != "session"


async def test_a_space_that_another_process_dropped_is_unknown(database: Database) -> None:
    first, second = PgVectors(database), PgVectors(database)
    await first.start()
    await first.ensure(SPACE)
    me, query = owner(), clustered(1)[0]
    assert await World(first, database).search(me, query, space=SPACE) == []
    await World(second, database).drop(SPACE)
    with pytest.raises(UnknownSpace, match="timbre 1"):
        await World(first, database).search(me, query, space=SPACE)
    await second.ensure(SPACE)
    assert await World(first, database).search(me, query, space=SPACE) == []


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("WHERE false", r"no pgvector.*install pgvector 0\.8 or newer"),
        ("", r"pgvector 0\.7\.4, which is too old.*ALTER EXTENSION vector UPDATE"),
    ],
)
async def test_a_server_without_a_new_pgvector_is_refused(
    database: Database, postgres_url: str, rows: str, problem: str
) -> None:
    async with database.transaction() as session:
        name = (await session.execute(text("SELECT current_database()"))).scalar_one()
        # Found before the server's own view of what is installed.
        for statement in (
            "CREATE SCHEMA pretended",
            "CREATE VIEW pretended.pg_available_extensions AS SELECT 'vector' AS name, "
            f"'0.7.4' AS default_version, CAST(NULL AS text) AS installed_version {rows}",
            f'ALTER DATABASE "{name}" SET search_path = pretended, pg_catalog, public',
        ):
            await session.execute(text(statement))
    changed = Database(postgres_url, clock=SystemClock())
    try:
        with pytest.raises(StartRefused, match=problem):
            await PgVectors(changed).start()
    finally:
        await changed.close()


async def test_a_user_who_may_not_enable_pgvector_is_refused(database: Database) -> None:
    role = "test_" + new_id().replace("-", "")
    async with database.transaction() as session:
        name = (await session.execute(text("SELECT current_database()"))).scalar_one()
        await session.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'"))
        await session.execute(text(f'GRANT ALL ON DATABASE "{name}" TO {role}'))
    url = database._writer.url.set(username=role, password="secret")
    limited = Database(url.render_as_string(hide_password=False), clock=SystemClock())
    try:
        with pytest.raises(StartRefused, match="a superuser run CREATE EXTENSION vector"):
            await PgVectors(limited).start()
    finally:
        await limited.close()
        async with database.transaction() as session:
            await session.execute(text(f"DROP OWNED BY {role}"))
            await session.execute(text(f"DROP ROLE {role}"))
