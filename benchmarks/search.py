"""Searches of one owner's items: 100,000 on SQLite and on Postgres, 1,000,000 on Postgres.

Generates search documents with realistic names, classes and tags, then prints p50 and p95 of
searches with facet counts, of the first page, and of a page at a far offset; beside them, the same
words by `LIKE` on the names and by the full-text index alone, without filters, counts and order.
The mean CPU time is that of this process, which on SQLite includes the database. `--write` puts the
table into docs/search.md.
"""

import argparse
import asyncio
import math
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from benchmarks.environments import ROOT, SMALLEST, write_figures
from contracts.identity import Principal, Scope
from contracts.ids import OwnerId, UserId
from contracts.search import Term
from contracts.tagging import SoundClass
from kit.clock import SystemClock, new_id
from kit.database.engine import Database
from kit.main import tune_gc
from kit.vectors.factory import open_vectors
from services.library.app import MIGRATIONS
from services.library.catalogue.tables import ItemRow, WaveformRow
from services.library.saved_searches.repository import saved_queries
from services.library.search.fulltext import find_all, write_words
from services.library.search.language import parse_query
from services.library.search.searching import Searches, SearchRequest
from services.library.search.tables import SearchDocumentRow, SearchRevisionRow, SearchTagRow
from services.library.search.text import words_of
from services.library.similarity.sound_vectors import SoundVectors
from services.library.teaching.proposals import Proposals
from tests.support.postgres import running_postgres, temporary_database

QUERIES = (
    "kick",
    "dusty snare bpm:118-128 key:Am~ -loop tag:vinyl len:<0.5",
    "vinyl",
    "warm pad -short",
    "class:snare,clap is:doubtful",
    '"evening star"',
    "bpm:60-70~ stem:drums sort:bpm",
    "sort:name",
    "",
)
ADJECTIVES = (
    *("Dusty", "Warm", "Fat", "Tight", "Deep", "Bright", "Lo-Fi", "Vinyl", "Analog", "Dirty"),
    *("Crispy", "Hard", "Soft", "Dry", "Wet", "Wide", "Punchy", "Short", "Long", "Clean"),
)
NOUNS = {
    SoundClass.KICK: ("Kick", "BD", "808", "Kick Drum"),
    SoundClass.SNARE: ("Snare", "SD", "Rimsnare"),
    SoundClass.CLAP: ("Clap", "Snap"),
    SoundClass.CLOSED_HAT: ("Closed Hat", "CH", "HH"),
    SoundClass.OPEN_HAT: ("Open Hat", "OH"),
    SoundClass.PERCUSSION: ("Conga", "Bongo", "Shaker", "Perc"),
    SoundClass.BASS: ("Bass", "Sub", "Reese"),
    SoundClass.SYNTH: ("Pad", "Lead", "Stab", "Pluck", "Chord"),
    SoundClass.VOCAL: ("Vox", "Vocal", "Chop"),
    SoundClass.LOOP: ("Drum Loop", "Break", "Top Loop"),
}
SONGS = ("Evening Star", "Night Drive", "Größenwahn", "夜の街", "Blue Room", "Paper Moon")
TAGS = (
    *("vinyl", "dusty", "warm", "808", "jazz", "techno", "house", "ambient", "guitar", "piano"),
    *("female vocal", "slow", "fast", "rock", "electronic", "soul", "funk", "live", "dub", "lofi"),
)
BATCH = 2000
Cells = dict[str, str]
"""What was measured of one database, by the name of its row in the table."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="also 1,000,000 items on Postgres")
    parser.add_argument("--items", type=int, default=2000 if SMALLEST else 100_000)
    parser.add_argument("--rounds", type=int, default=2 if SMALLEST else 20)
    parser.add_argument("--write", action="store_true", help="put the table into docs/search.md")
    arguments = parser.parse_args()
    columns: dict[str, Cells] = {}
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/library.db"
        asyncio.run(_measure("SQLite", url, arguments.items, arguments.rounds, columns))
    sizes = [arguments.items, *([1_000_000] if arguments.million else [])]
    with running_postgres() as server:
        for items in sizes:
            asyncio.run(_on_postgres(server, items, arguments.rounds, columns))
    if arguments.write:
        write_figures(ROOT / "docs" / "search.md", _table(columns), name="speed")


def _table(columns: dict[str, Cells]) -> str:
    """Return the figures as a table in Markdown, a column for each database."""
    names = dict.fromkeys(name for cells in columns.values() for name in cells)
    return "\n".join(
        (
            f"| p50, p95 in ms | {' | '.join(columns)} |",
            f"|---|{'---:|' * len(columns)}",
            *(
                f"| {name} | {' | '.join(cells.get(name, '') for cells in columns.values())} |"
                for name in names
            ),
        )
    )


async def _on_postgres(server: str, items: int, rounds: int, columns: dict[str, Cells]) -> None:
    async with temporary_database(server) as url:
        await _measure("Postgres", url, items, rounds, columns)


async def _measure(name: str, url: str, items: int, rounds: int, columns: dict[str, Cells]) -> None:
    database = Database(url, clock=SystemClock(), statement_timeout=120.0)
    cells = columns.setdefault(f"{name}, {items:,} items", {})
    try:
        await database.migrate(MIGRATIONS)
        owner = new_id()
        began = time.perf_counter()
        await fill(database, owner, items)
        # As the server does at its start.
        tune_gc()
        print(
            f"\n{name}, {items:,} items of one owner, written in "
            f"{time.perf_counter() - began:.0f} s; {os.cpu_count()} CPUs, "
            f"load average {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        await _searches(database, owner, items, rounds, cells)
        await _peers(database, owner, rounds, cells)
    finally:
        await database.close()


async def _searches(database: Database, owner: str, items: int, rounds: int, cells: Cells) -> None:
    # No item has a vector, so the folder stays absent.
    searches = await open_searches(database, Path(tempfile.gettempdir()) / owner)
    principal = principal_of(owner)

    async def search(words: str, **request: Any) -> Any:
        query, understood = parse_query(words)
        return await searches.search(
            principal, SearchRequest(query=query, understood=understood, **request)
        )

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    await search("", limit=1)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    took = (time.perf_counter() - began) * 1000
    cells["first search after a start"] = f"{took:,.0f}"
    print(
        f"  first search after a start  {took:8.0f} ms, peak memory +{grown // 1024} MiB",
        flush=True,
    )
    stalls = _Stalls()
    async with stalls.watched():
        for words in QUERIES:
            result = await search(words, limit=1)
            await _report(
                f"counts: {words or '(everything)'}",
                lambda words=words: search(words, counts=True),
                rounds,
                cells,
                f"{result.total:,} results",
            )
        await _report("first page", lambda: search("vinyl"), rounds, cells)
        opened = await search("sort:created", limit=1)
        offset = min(60_000, items * 6 // 10)
        await _report(
            f"rows from {offset:,}",
            lambda: search("sort:created", snapshot=opened.snapshot, offset=offset, limit=100),
            rounds,
            cells,
        )
        await _report(
            "first page after a change",
            lambda: _changed_then(database, owner, search),
            rounds,
            cells,
        )
    cells["longest pause of the event loop"] = f"{stalls.longest * 1000:.0f}"
    print(f"  the event loop stood still for at most {stalls.longest * 1000:.0f} ms", flush=True)


async def open_searches(database: Database, folder: Path) -> Searches:
    """Return the searches of a library's database.

    Parameters
    ----------
    folder
        Where the vectors' files lie, on SQLite.
    """
    vectors = SoundVectors(database, await open_vectors(database, folder))
    return Searches(
        database,
        clock=SystemClock(),
        max_bytes=1 << 30,
        at_once=4,
        vectors=vectors,
        proposals=Proposals(database, vectors),
        saved=saved_queries,
    )


def principal_of(owner: str) -> Principal:
    """Return a caller who may do everything with an owner's rows."""
    return Principal(
        user=UserId(owner),
        owner=OwnerId(owner),
        scopes=frozenset(Scope),
        token=new_id(),
        expires=datetime.now(UTC) + timedelta(days=1),
    )


async def _changed_then(
    database: Database, owner: str, search: Callable[..., Awaitable[Any]]
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "UPDATE search_documents SET rating = 3, revision ="
                " (SELECT max(revision) + 1 FROM search_documents WHERE owner = :owner)"
                " WHERE id = (SELECT max(id) FROM search_documents WHERE owner = :owner)"
            ),
            {"owner": owner},
        )
    await search("vinyl")


async def _peers(database: Database, owner: str, rounds: int, cells: Cells) -> None:
    """Measure what the database alone does with one word."""

    async def like() -> None:
        async with database.session() as session:
            await session.execute(
                text(
                    "SELECT id FROM search_documents WHERE owner = :owner"
                    " AND name_key LIKE '%vinyl%' ORDER BY created DESC LIMIT 50"
                ),
                {"owner": owner},
            )

    async def like_count() -> None:
        async with database.session() as session:
            await session.execute(
                text(
                    "SELECT sound_class, count(*) FROM search_documents WHERE owner = :owner"
                    " AND name_key LIKE '%vinyl%' GROUP BY sound_class"
                ),
                {"owner": owner},
            )

    async def full_text() -> None:
        async with database.session() as session:
            await find_all(session, owner, (Term(text="vinyl"),))

    await _report("LIKE alone: a page", like, rounds, cells)
    await _report("LIKE alone: counts of one facet", like_count, rounds, cells)
    await _report("full text alone: all ids", full_text, rounds, cells)


async def _report(
    name: str, work: Callable[[], Awaitable[Any]], rounds: int, cells: Cells, note: str = ""
) -> None:
    times = []
    used = time.process_time()
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        times.append((time.perf_counter() - began) * 1000)
    used = (time.process_time() - used) * 1000 / rounds
    times.sort()
    p95 = times[min(len(times) - 1, round(0.95 * len(times)))]
    cells[name.replace("|", "\\|")] = f"{statistics.median(times):.0f}, {p95:.0f}"
    print(
        f"  {name[:60]:<60} p50 {statistics.median(times):7.1f} ms  p95 {p95:7.1f} ms"
        f"  of it CPU {used:7.1f} ms  {note}",
        flush=True,
    )


class _Stalls:
    """Watches for how long the event loop does nothing else."""

    def __init__(self) -> None:
        self.longest = 0.0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        async def watch() -> None:
            while True:
                began = time.perf_counter()
                await asyncio.sleep(0.001)
                self.longest = max(self.longest, time.perf_counter() - began - 0.001)

        task = asyncio.create_task(watch())
        try:
            yield
        finally:
            task.cancel()


async def fill(database: Database, owner: str, count: int) -> None:
    """Write documents with their items, tags, words and small waveforms."""
    rng = random.Random(11)
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    songs: list[str] = []
    async with database.transaction() as session:
        await session.execute(insert(SearchRevisionRow), [{"owner": owner, "revision": count}])
    for first in range(0, count, BATCH):
        rows = [
            _row(rng, owner, number, begin, songs)
            for number in range(first, min(count, first + BATCH))
        ]
        async with database.transaction() as session:
            await session.execute(insert(ItemRow), [row["item_row"] for row in rows])
            await session.execute(insert(SearchDocumentRow), [row["document"] for row in rows])
            tags = [tag for row in rows for tag in row["tags"]]
            await session.execute(insert(SearchTagRow), tags)
            await session.execute(
                insert(WaveformRow),
                [{"item": row["item_row"]["id"], "data": _waveform(rng)} for row in rows],
            )
            await write_words(session, owner, {row["document"]["id"]: row["words"] for row in rows})
    if not database.sqlite:
        async with database.transaction() as session:
            await session.execute(text("ANALYZE"))


def _row(
    rng: random.Random, owner: str, number: int, begin: datetime, songs: list[str]
) -> dict[str, Any]:
    moment = begin + timedelta(seconds=30 * number)
    item = new_id()
    is_song = number % 40 == 0
    sound_class = rng.choice(tuple(NOUNS))
    if is_song:
        name = f"{rng.choice(SONGS)} {rng.randrange(1000)}"
        songs.append(item)
    else:
        name = f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS[sound_class])} {rng.randrange(1000):03}"
    song = None if is_song or rng.random() < 0.3 else songs[-1]
    tags = rng.sample(TAGS, rng.choice((0, 1, 2, 2, 3)))
    bpm = round(rng.gauss(115, 25), 1)
    document = {
        "id": number + 1,
        "item": item,
        "owner": owner,
        "revision": number + 1,
        "name_key": name.lower(),
        "kind": "track" if is_song else "sample",
        "sound_class": None if is_song else sound_class.value,
        "class_confidence": None if is_song else rng.betavariate(5, 2),
        "class_source": None if is_song else "machine",
        "stem": None if is_song else rng.choice(("drums", "bass", "other", "vocals", None)),
        "song": song,
        "parent": song,
        "bpm": bpm if rng.random() < 0.7 else None,
        "camelot": f"{rng.randint(1, 12)}{rng.choice('AB')}" if rng.random() < 0.5 else None,
        "duration": 180.0 if is_song else rng.lognormvariate(-1, 1),
        "loudness": rng.gauss(-14, 4),
        "brightness": rng.lognormvariate(7.6, 0.7),
        "noisiness": rng.betavariate(1, 6),
        "attack": rng.lognormvariate(-4.5, 1),
        "pitch": rng.lognormvariate(5, 1) if rng.random() < 0.5 else None,
        "favourite": rng.random() < 0.03,
        "rating": rng.choice((None, None, None, 3, 4, 5)),
        "licence": rng.choice((None, "cc0-1.0", "cc-by-4.0")),
        "created": moment,
        "updated": moment,
    }
    return {
        "document": document,
        "item_row": {
            "id": item, "owner": owner, "kind": document["kind"], "state": "ready", "name": name,
            "labels": {}, "search": name.lower(), "parent": song, "created": moment,
            "updated": moment,
            "audio": {
                "duration": document["duration"], "sample_rate": 44_100, "channels": 1,
                "samples": round(document["duration"] * 44_100),
            },
        },
        "tags": [
            {"document": number + 1, "tag": tag, "source": "machine", "confidence": rng.random()}
            for tag in tags
        ],
        "words": words_of(" ".join((name, *tags))),
    }  # fmt: skip


def _waveform(rng: random.Random) -> bytes:
    """Return the small waveform of a sound that decays."""
    decay = rng.uniform(1, 9)
    levels = (math.exp(-decay * column / 150) * rng.uniform(0.7, 1) for column in range(150))
    return bytes(round(255 * math.sqrt(level)) for peak in levels for level in (peak, peak * 0.4))


if __name__ == "__main__":
    main()
