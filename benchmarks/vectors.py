"""Nearest vectors: time, recall, inserts and memory of both vector stores.

Vectors of 64 components (as samples have) and of 200 (as songs have) lie in clusters of about 500,
as sounds of a kind do. Queries are new members of the clusters; the filter allows a random
hundredth of the ids. Recall is measured against a product in float32 of all vectors, which stands
beside the stores as plain numpy.

Postgres runs on the same machine with the `shared_buffers` of deploy/k8s, and with `fsync` off, so
its inserts are faster than on a server that must survive a loss of power. Rows are loaded before
its index is built, except for those whose rate with the index is measured. `--write` puts the table
into docs/similarity.md.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from benchmarks.environments import ROOT, SMALLEST, write_figures
from kit.arrays import F32
from kit.clock import SystemClock, new_id
from kit.database.engine import Database
from kit.vectors import statements
from kit.vectors.base import Space, VectorStore, WeightedVector
from kit.vectors.exact import ExactVectors
from kit.vectors.pgvector import PgVectors
from tests.support.postgres import running_postgres, temporary_database

DIMENSIONS = (64, 200)
LIMIT = 10
SHARE = 0.01
MIB = 1 << 20
BATCH = 1000
"""Vectors in one transaction."""
WITH_INDEX = 200 if SMALLEST else 2000
"""Vectors that are inserted into Postgres while its index is there."""


@dataclass
class Case:
    """Vectors of one owner, queries, and the nearest vectors of each."""

    space: Space
    owner: str
    ids: list[str]
    vectors: F32
    queries: F32
    allowed: list[str]
    nearest: list[set[str]]
    nearest_allowed: list[set[str]]


@dataclass
class Figures:
    """What was measured of one store; times are a median and a 95th percentile."""

    store: str
    inserts: str = ""
    everything: str = ""
    allowed: str = ""
    recall: str = ""
    memory: str = ""

    def row(self, size: int, dimension: int) -> str:
        """Return a row of the table in Markdown."""
        cells = (self.inserts, self.everything, self.allowed, self.recall, self.memory)
        return f"| {size:,} × {dimension} | {self.store} | {' | '.join(cells)} |"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = [3000] if SMALLEST else [100_000, 1_000_000]
    parser.add_argument("--sizes", type=int, nargs="*", default=sizes, help="numbers of vectors")
    parser.add_argument("--dimensions", type=int, nargs="*", default=DIMENSIONS, help="components")
    parser.add_argument("--queries", type=int, default=5 if SMALLEST else 100)
    parser.add_argument("--stores", nargs="*", choices=STORES, default=list(STORES))
    parser.add_argument("--write", action="store_true", help="put the table into docs")
    chosen = parser.parse_args()
    rows = [
        "| vectors | | inserts a second | top 10, ms | of 1 % allowed, ms | recall | memory |",
        "|---:|---|---|---:|---:|---|---|",
    ]
    for size, dimension in itertools.product(chosen.sizes, chosen.dimensions):
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        print(f"\n{size} x {dimension}, {os.cpu_count()} cores, load averages {load}", flush=True)
        case, plain = build_case(size, dimension, chosen.queries)
        figures = [Figures("plain numpy, float32", everything=plain, recall="1")]
        for name in chosen.stores:
            print(f" {name}", flush=True)
            figures.append(asyncio.run(STORES[name](case)))
        rows += [each.row(size, dimension) for each in figures]
    if chosen.write:
        write_figures(ROOT / "docs" / "similarity.md", "\n".join(rows), name="speed")


def clustered(count: int, clusters: F32, numbers: np.random.Generator) -> F32:
    """Return unit vectors `[count, dimension]` around the centres of clusters."""
    dimension = clusters.shape[1]
    vectors = np.empty((count, dimension), np.float32)
    for start in range(0, count, 50_000):
        part = vectors[start : start + 50_000]
        noise = numbers.standard_normal(part.shape, dtype=np.float32)
        part[:] = clusters[numbers.integers(0, len(clusters), len(part))]
        part += 0.6 / dimension**0.5 * noise
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def build_case(size: int, dimension: int, queries: int) -> tuple[Case, str]:
    """Make vectors, and search them by plain numpy; return its times, too."""
    numbers = np.random.default_rng(size)
    centres = numbers.standard_normal((max(size // 500, 4), dimension), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors, targets = clustered(size, centres, numbers), clustered(queries, centres, numbers)
    ids = [new_id() for _ in range(size)]
    rows = np.sort(numbers.choice(size, max(int(size * SHARE), LIMIT), replace=False))
    nearest, nearest_allowed, times = [], [], []
    for query in targets:
        began = time.perf_counter()
        scores = vectors @ query
        top = np.argpartition(scores, -LIMIT)[-LIMIT:]
        times.append(time.perf_counter() - began)
        nearest.append({ids[row] for row in top})
        among = rows[np.argpartition(scores[rows], -LIMIT)[-LIMIT:]]
        nearest_allowed.append({ids[row] for row in among})
    print(f" plain numpy, float32 in memory: {quantiles(times)} ms", flush=True)
    allowed = [ids[row] for row in rows]
    space = Space("timbre", "1", dimension)
    case = Case(space, new_id(), ids, vectors, targets, allowed, nearest, nearest_allowed)
    return case, quantiles(times)


def quantiles(times: list[float]) -> str:
    """Return the median and the 95th percentile in milliseconds."""
    p95 = np.percentile(times, 95)
    return f"{statistics.median(times) * 1000:.1f}, {p95 * 1000:.1f}"


async def measure_exact(case: Case) -> Figures:
    """Print and return the figures of the store next to SQLite."""
    figures = Figures("next to SQLite")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        database = Database(f"sqlite+aiosqlite:///{place}/vectors.db", clock=SystemClock())
        store = ExactVectors(database, place / "vectors")
        await store.start()
        await store.ensure(case.space)
        figures.inserts = f"{await insert(store, database, case, case.ids):,.0f}"
        print(f"  inserts: {figures.inserts}/s", flush=True)
        before = resident()
        began = time.perf_counter()
        await store.search(case.space, case.owner, [WeightedVector(case.queries[0])], limit=1)
        print(f"  first search, which writes the files: {time.perf_counter() - began:.1f} s")
        await store.close()
        store = ExactVectors(database, place / "vectors")
        began = time.perf_counter()
        await store.search(case.space, case.owner, [WeightedVector(case.queries[0])], limit=1)
        print(f"  first search of a new process: {time.perf_counter() - began:.2f} s", flush=True)
        await measure_searches(store, case, figures)
        files = sum(path.stat().st_size for path in (place / "vectors").rglob("*"))
        rows = (place / "vectors.db").stat().st_size
        figures.memory = (
            f"own {(resident() - before) / MIB:.0f} MiB, mapped files {files / MIB:.0f} MiB, "
            f"database {rows / MIB:.0f} MiB"
        )
        print(f"  memory: {figures.memory}", flush=True)
        await measure_fresh_inserts(store, database, case)
        await store.close()
        await database.close()
    return figures


async def measure_pgvector(case: Case) -> Figures:
    """Print and return the figures of the store on Postgres."""
    figures = Figures("Postgres")
    with running_postgres(shared_buffers="512MB") as server:
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(temporary_database(server))
            database = Database(url, clock=SystemClock())
            stack.push_async_callback(database.close)
            store = PgVectors(database)
            await store.start()
            await store.ensure(case.space)
            number = await store.number(case.space)
            split = len(case.ids) - WITH_INDEX
            await run(database, statements.drop_index(number))
            rate = await insert(store, database, case, case.ids[:split])
            print(f"  inserts without the index: {rate:.0f}/s", flush=True)
            began = time.perf_counter()
            await run(database, statements.create_index(number))
            built = time.perf_counter() - began
            print(f"  building the index: {built:.0f} s", flush=True)
            indexed = await insert(store, database, case, case.ids[split:], first=split)
            print(f"  inserts with the index: {indexed:.0f}/s", flush=True)
            figures.inserts = f"{rate:,.0f}, with the index {indexed:,.0f}; index in {built:.0f} s"
            async with database.session() as session:
                # As Postgres's autovacuum does within minutes.
                await session.execute(text(f"VACUUM ANALYZE {statements.table(number)}"))
            await measure_searches(store, case, figures)
            sizes = text("SELECT pg_table_size(:table), pg_indexes_size(:table)")
            async with database.session() as session:
                parameters = {"table": statements.table(number)}
                table, index = (await session.execute(sizes, parameters)).one()
            figures.memory = f"table {table / MIB:.0f} MiB, indexes {index / MIB:.0f} MiB"
            print(f"  {figures.memory}", flush=True)
    return figures


STORES: dict[str, Callable[[Case], Coroutine[Any, Any, Figures]]] = {
    "exact": measure_exact,
    "pgvector": measure_pgvector,
}


async def insert(
    store: VectorStore, database: Database, case: Case, ids: list[str], *, first: int = 0
) -> float:
    """Store vectors, `BATCH` in a transaction; return how many a second."""
    began = time.perf_counter()
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        rows = case.vectors[first + start : first + start + len(part)]
        async with database.transaction() as session:
            await store.put(session, case.space, case.owner, dict(zip(part, rows, strict=True)))
    return len(ids) / (time.perf_counter() - began)


async def measure_searches(store: VectorStore, case: Case, figures: Figures) -> None:
    """Measure times and recall of searches without and with the filter."""
    measured: list[tuple[str, str]] = []
    for name, allowed, nearest in (
        ("all", None, case.nearest),
        (f"{SHARE:.0%} allowed", case.allowed, case.nearest_allowed),
    ):
        times, hits = [], 0
        for query, expected in zip(case.queries, nearest, strict=True):
            began = time.perf_counter()
            neighbours = await store.search(
                case.space, case.owner, [WeightedVector(query)], limit=LIMIT, allowed=allowed
            )
            times.append(time.perf_counter() - began)
            if len(neighbours) != LIMIT:
                raise RuntimeError(f"{len(neighbours)} neighbours instead of {LIMIT}")
            hits += len(expected & {neighbour.id for neighbour in neighbours})
        recall = hits / LIMIT / len(nearest)
        print(f"  top {LIMIT}, {name}: {quantiles(times)} ms, recall {recall:.3f}", flush=True)
        measured.append((quantiles(times), f"{recall:.3f}"))
    (figures.everything, figures.allowed), recalls = zip(*measured, strict=True)
    figures.recall = ", ".join(recalls)


async def measure_fresh_inserts(store: VectorStore, database: Database, case: Case) -> None:
    """Print how long it takes to store one vector and to find it."""
    times = []
    for query in case.queries:
        id_ = new_id()
        began = time.perf_counter()
        async with database.transaction() as session:
            await store.put(session, case.space, case.owner, {id_: query})
        nearest = await store.search(case.space, case.owner, [WeightedVector(query)], limit=1)
        times.append(time.perf_counter() - began)
        if nearest[0].id != id_:
            raise RuntimeError("a vector that was stored is not found")
    print(f"  storing one vector and finding it: {quantiles(times)} ms", flush=True)


async def run(database: Database, statement: str) -> None:
    """Run a statement that may take long."""

    def execute(connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL maintenance_work_mem = '2GB'"))
        connection.execute(text(statement))

    await database.run_sync(execute)


def resident() -> int:
    """Return the bytes of this process's memory that no file backs."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if "RssAnon" in line) * 1024


if __name__ == "__main__":
    main()
