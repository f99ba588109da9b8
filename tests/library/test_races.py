"""What happens at the same time: readers of the feed beside writers, endings beside deletions."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from contracts.events import ItemChanged
from contracts.ids import ItemId, OwnerId
from contracts.items import ItemState
from contracts.jobs import TaskName
from contracts.music import Stem
from contracts.subjects import Subject
from contracts.topics import LIBRARY_EVENTS
from kit.clock import SystemClock, new_id
from kit.database.actors import SERVICE
from kit.database.engine import Database
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.events.feed import FeedFilter, read_feed
from services.library.events.outbox import About, record
from services.library.jobs.tables import JobRow
from services.library.pipelines.tables import RunRow
from services.library.tables import METADATA
from tests.library.catalogue import MIDI, MIDI_FILES, Catalogue, separated, stems
from tests.library.test_runs import STEMS_THEN_MIDI

OWNER = OwnerId("00000000-0000-7000-8000-000000000001")
WRITERS, EACH = 25, 12


async def test_a_reader_with_concurrent_writers_sees_every_event_once_and_in_order(
    library_url: str, tmp_path: Path
) -> None:
    database = Database(library_url, clock=SystemClock(), pool=WRITERS, actor=SERVICE)
    await database.run_sync(METADATA.create_all)
    # SQLite has one writer, and each commit waits for the disk: fewer of them wait in its line.
    writers, each = (8, 6) if database.sqlite else (WRITERS, EACH)
    chance = random.Random(7)
    done = asyncio.Event()

    async def write(writer: int) -> None:
        subject = ItemId(new_id())
        for number in range(each):
            async with database.transaction() as session:
                # The first statement gives a transaction its place; it commits later or much later.
                await commit_events(session, subject, number)
                # SQLite has one writer: who holds it makes the others wait.
                await asyncio.sleep(chance.uniform(0, 0.002 if database.sqlite else 0.3))

    async def commit_events(session: Any, subject: ItemId, number: int) -> None:
        data = ItemChanged(item=subject, state=ItemState.READY)
        about = About(
            event_subject=subject,
            key=subject,
            owner=OWNER,
            subject=Subject.of_item(subject),
            sequence=number,
        )
        await record(session, LIBRARY_EVENTS, "item.changed", data, about=about)

    seen: list[Any] = []

    async def read() -> None:
        after = "start"
        while True:
            last = done.is_set()
            async with database.session() as session:
                piece = await read_feed(
                    session,
                    OWNER,
                    after=after,
                    limit=7,
                    events=FeedFilter(),
                    retention=timedelta(days=7),
                )
            seen.extend(piece.items)
            after = piece.next
            if last and not piece.more:
                return

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(n) for n in range(writers)))
    done.set()
    await reading
    counted = Counter(entry.id for entry in seen)
    assert len(counted) == writers * each
    assert set(counted.values()) == {1}
    by_subject: dict[str, list[str]] = {}
    for entry in seen:
        by_subject.setdefault(entry.event_subject, []).append(entry.id)
    # Ids of version 7 grow with the time they were made at, to the millisecond.
    times = {entry.id: entry.time for entry in seen}
    for ids in by_subject.values():
        assert [times[i] for i in ids] == sorted(times[i] for i in ids)
    await database.close()


@pytest.mark.timeout(120)
async def test_concurrent_outcomes_cancellations_and_deletions_agree(catalogue: Catalogue) -> None:
    user = catalogue.user()
    chance = random.Random(3)
    statuses: Counter[int] = Counter()
    for number in range(8):
        song = await user.track(f"song {number}".encode() * 300)
        run = await user.post("/runs", {"item": song, "pipeline": STEMS_THEN_MIDI})
        claim = await catalogue.claim(TaskName.SEPARATION)
        await catalogue.finish(claim, separated(), stems(Stem.BASS, Stem.VOCALS, Stem.PIANO))
        claims = [await catalogue.claim(TaskName.MIDI) for _ in range(3)]

        async def ask(method: str, path: str) -> None:
            await asyncio.sleep(chance.uniform(0, 0.05))
            answer = await user.http.request(method, f"/v1{path}")
            statuses[answer.status_code] += 1

        async def end(claim: Any) -> None:
            await asyncio.sleep(chance.uniform(0, 0.05))
            await catalogue.finish(claim, MIDI, MIDI_FILES)

        await asyncio.gather(
            *(end(claim) for claim in claims),
            ask("POST", f"/runs/{run['id']}/cancel"),
            ask("POST", f"/jobs/{claims[0].job}/cancel"),
            ask("DELETE", f"/items/{song}?permanently=true"),
        )
        async with catalogue.database.session() as session:
            for table in (ItemRow, ArtifactRow, JobRow, RunRow):
                assert list(await session.scalars(select(table))) == [], number
    assert set(statuses) <= {200, 204, 404, 503}, statuses
    assert statuses[204] == 8


@pytest.mark.timeout(120)
async def test_jobs_of_a_run_that_end_together_close_it_once(catalogue: Catalogue) -> None:
    user = catalogue.user()
    for number in range(4):
        song = await user.track(f"song {number}".encode() * 300)
        run = await user.post("/runs", {"item": song, "pipeline": STEMS_THEN_MIDI})
        claim = await catalogue.claim(TaskName.SEPARATION)
        await catalogue.finish(claim, separated(), stems(Stem.BASS, Stem.VOCALS, Stem.PIANO))
        claims = [await catalogue.claim(TaskName.MIDI) for _ in range(3)]
        await asyncio.gather(*(catalogue.finish(claim, MIDI, MIDI_FILES) for claim in claims))
        assert (await user.get(f"/runs/{run['id']}"))["state"] == "succeeded"
        events = (await user.get("/feed", after="start", run=run["id"], limit=200))["items"]
        assert [e["type"] for e in events].count("run.finished") == 1
