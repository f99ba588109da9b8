"""How long an answer takes with many items: stored, learnt from, and shown with its effect."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import insert

from benchmarks.environments import SMALLEST
from benchmarks.search import principal_of
from contracts.teaching import TagAnswer
from kit.arrays import F32
from kit.clock import SystemClock, new_id
from kit.database.engine import Database
from kit.main import tune_gc
from kit.vectors.base import Space
from kit.vectors.factory import open_vectors
from services.library.app import MIGRATIONS, register_hooks
from services.library.settings import LibrarySettings
from services.library.similarity.sound_vectors import SoundVectors
from services.library.tables import METADATA
from services.library.teaching.teaching import Teaching
from tests.support.postgres import running_postgres, temporary_database

SPACE = Space("sample", "generated", 64)
CLUSTERS = 50
ROUNDS = 3 if SMALLEST else 20
BATCH = 5000
_ITEMS, _SOUNDS = METADATA.tables["items"], METADATA.tables["sounds"]
_CREATED = datetime(2026, 1, 1, tzinfo=UTC)


async def measure_answers(items: int) -> list[str]:
    """Return the table of the times of an answer over generated items."""
    rows = [
        f"One answer with {items:,} generated items of 64 components, {os.cpu_count()} cores, "
        f"{ROUNDS} answers one after the other:",
        "",
        "| database | p50 | p95 | processor time of one | longest hold of the event loop |",
        "|---|---:|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/library.db"
        rows.append(await _row("SQLite", url, Path(folder), items))
    with running_postgres() as server:
        async with temporary_database(server) as url:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(await _row("Postgres", url, Path(folder), items))
    return rows


async def _row(name: str, url: str, folder: Path, items: int) -> str:
    database = Database(url, clock=SystemClock(), statement_timeout=120.0)
    try:
        await database.migrate(MIGRATIONS)
        register_hooks(database, LibrarySettings().policy(60.0))
        store = await open_vectors(database, folder / "vectors")
        await store.ensure(SPACE)
        owner = new_id()
        ids = [new_id() for _ in range(items)]
        vectors, clusters = generated(items)
        for start in range(0, len(ids), BATCH):
            part = ids[start : start + BATCH]
            async with database.transaction() as session:
                await session.execute(insert(_ITEMS), [_item(id_, owner) for id_ in part])
                placed = dict(zip(part, vectors[start : start + BATCH], strict=True))
                await store.put(session, SPACE, owner, placed)
                await session.execute(insert(_SOUNDS), [_sound(id_, owner) for id_ in part])
        # As the server does at its start.
        tune_gc()
        teaching = Teaching(database, SoundVectors(database, store), at_once=2)
        times, used, longest = await _answers(teaching, owner, ids, clusters)
        await store.close()
    finally:
        await database.close()
    times.sort()
    p95 = times[min(len(times) - 1, round(0.95 * len(times)))]
    return (
        f"| {name} | {1000 * statistics.median(times):.0f} ms | {1000 * p95:.0f} ms "
        f"| {1000 * used:.0f} ms | {1000 * longest:.0f} ms |"
    )


async def _answers(
    teaching: Teaching, owner: str, ids: Sequence[str], clusters: np.ndarray
) -> tuple[list[float], float, float]:
    """Teach a cluster with five examples, then answer single questions; return seconds."""
    principal = principal_of(owner)
    with_tag = np.flatnonzero(clusters == 0)
    await teaching.create(principal, "dusty")
    examples = {ids[row]: TagAnswer.YES for row in with_tag[:5].tolist()}
    await teaching.answer(principal, "dusty", examples)
    cluster_of = dict(zip(ids, clusters.tolist(), strict=True))
    times: list[float] = []
    longest, used = [0.0], 0.0
    async with _watched(longest):
        for _ in range(ROUNDS):
            (question, *_) = await teaching.questions(principal, "dusty", 10)
            answer = TagAnswer.YES if cluster_of[question.item] == 0 else TagAnswer.NO
            began, began_used = time.perf_counter(), time.process_time()
            await teaching.answer(principal, "dusty", {question.item: answer})
            times.append(time.perf_counter() - began)
            used += time.process_time() - began_used
    return times, used / ROUNDS, longest[0]


def generated(count: int) -> tuple[F32, np.ndarray]:
    """Return unit vectors around the centres of clusters, and the cluster of each."""
    chance = np.random.default_rng(0)
    centres = chance.standard_normal((CLUSTERS, SPACE.dimension))
    clusters = chance.integers(0, CLUSTERS, count)
    vectors = centres[clusters] + 0.8 * chance.standard_normal((count, SPACE.dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), clusters


def _item(id_: str, owner: str) -> dict[str, object]:
    return {
        "id": id_,
        "owner": owner,
        "kind": "sample",
        "state": "ready",
        "name": f"Kick {id_[-4:]}",
        "labels": {},
        "search": "kick",
        "created": _CREATED,
        "updated": _CREATED,
    }


def _sound(item: str, owner: str) -> dict[str, object]:
    return {
        "item": item,
        "owner": owner,
        "space": SPACE.name,
        "version": SPACE.version,
        "dimension": SPACE.dimension,
        "audio_sha256": item,
        "compared": True,
        "proposed": True,
    }


@asynccontextmanager
async def _watched(longest: list[float]) -> AsyncIterator[None]:
    """Note for how long the event loop does nothing else."""

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest[0] = max(longest[0], time.perf_counter() - began - 0.001)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
