"""R27: what must be 0 moves when something is wrong, and is no number when nobody could look."""

import asyncio
import math
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import make_url, text, update
from sqlmodel import col

from contracts.jobs import TaskName
from contracts.objects import Bucket
from kit.clock import SystemClock
from kit.database.actors import SERVICE
from kit.database.engine import Database
from kit.objects.files import FileStore
from kit.objects.signing import Signer
from services.library.events.tables import EventRow
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow
from services.library.maintenance.gauges import READ_BYTES, SAMPLE, Gauges
from services.library.tables import METADATA
from tests.library.catalogue import MIDI, MIDI_FILES, Catalogue
from tests.support.postgres import run_statement

INVARIANTS = (
    "library_silent_jobs",
    "library_untold_endings",
    "library_unsent_events",
    "library_damaged_artifacts",
    "library_abandoned_uploads",
)


@pytest.fixture
def gauges(catalogue: Catalogue) -> Gauges:
    return Gauges(catalogue.database, catalogue.objects, policy=catalogue.server.policy)


async def test_the_gauges_are_zero_until_something_is_wrong(
    catalogue: Catalogue, gauges: Gauges
) -> None:
    user = catalogue.user()
    song = await user.track()
    await user.post("/jobs", {"item": song, "task": "midi"})
    await catalogue.finish(await catalogue.claim(TaskName.MIDI), MIDI, MIDI_FILES)
    waiting = await user.post("/jobs", {"item": song, "task": "slicing"})
    await gauges.measure()
    assert gauge_readings() == dict.fromkeys(INVARIANTS, 0.0)
    assert queued_jobs(TaskName.SLICING) == 1
    assert queued_jobs(TaskName.MIDI) == 0
    database, now = catalogue.database, catalogue.database.now

    await catalogue.claim(TaskName.SLICING)
    async with database.transaction() as session:
        await session.execute(
            update(JobRow)
            .where(col(JobRow.id) == waiting["id"])
            .values(lease_until=now(offset=timedelta(hours=-1)))
        )
        ended = col(EventRow.type) == "job.succeeded"
        await session.execute(update(EventRow).where(ended).values(type="job.lost"))
    for artifact in await gauges.sample():
        await catalogue.objects.delete(Bucket(artifact.bucket), [artifact.object_key])
    await user.open(b"never sent")
    async with database.transaction() as session:
        for table, column in (("uploads", "created"), ("events", "time")):
            old = {column: now(offset=timedelta(days=-3))}
            where = text("state = 'open'" if table == "uploads" else "type = 'item.added'")
            await session.execute(update(METADATA.tables[table]).where(where).values(old))
    await gauges.measure()
    assert all(value > 0 for value in gauge_readings().values()), gauge_readings()
    assert queued_jobs(TaskName.SLICING) == 0


async def test_what_could_not_be_measured_is_no_number(
    catalogue: Catalogue, gauges: Gauges, library_url: str
) -> None:
    await catalogue.user().track()
    await gauges.measure()
    assert gauge_readings()["library_silent_jobs"] == 0
    before = errors("silent_jobs")
    rename = "ALTER TABLE jobs RENAME TO mislaid"
    if catalogue.database.sqlite:
        async with catalogue.database.transaction() as session:
            await session.execute(text(rename))
    else:
        await run_statement(library_url, rename, database=str(make_url(library_url).database))
    await gauges.measure()
    gauge_values = gauge_readings()
    assert math.isnan(gauge_values["library_silent_jobs"])
    assert math.isnan(gauge_values["library_untold_endings"])
    assert math.isnan(queued_jobs(TaskName.MIDI))
    assert gauge_values["library_damaged_artifacts"] == 0
    assert errors("silent_jobs") == before + 1


async def test_one_library_of_a_server_measures(library_url: str, tmp_path: Path) -> None:
    if library_url.startswith("sqlite"):
        pytest.skip("a file has one process that writes to it")
    databases = [
        Database(library_url, clock=SystemClock(), pool=3, actor=SERVICE) for _ in range(2)
    ]
    await databases[0].run_sync(METADATA.create_all)
    looked: list[int] = []

    class CountingGauges(Gauges):
        number = 0
        at_work = asyncio.Event()

        async def measure(self) -> None:
            looked.append(self.number)
            self.at_work.set()

    watching = []
    store = FileStore(tmp_path / "objects", signer=Signer("secret" * 8))
    for number, database in enumerate(databases):
        gauges = CountingGauges(database, store, policy=Policy())
        gauges.number, gauges.at_work = number, asyncio.Event()
        watching.append((gauges, asyncio.create_task(gauges.watch(SystemClock()))))
        if number == 0:
            await gauges.at_work.wait()
    (_, first), (second, last) = watching
    assert looked == [0]
    first.cancel()
    await asyncio.wait([first])
    assert all(map(math.isnan, gauge_readings().values()))
    async with asyncio.timeout(10):
        await second.at_work.wait()
    assert looked == [0, 1]
    last.cancel()
    await asyncio.wait([last])
    for database in databases:
        await database.close()


async def test_only_so_many_bytes_are_read_at_a_look(catalogue: Catalogue, tmp_path: Path) -> None:
    class Counting(FileStore):
        read = 0

        async def digest(self, bucket: Bucket, key: str) -> str:
            facts = await self.head(bucket, key)
            assert facts is not None
            self.read += facts.size
            return await super().digest(bucket, key)

    store = Counting(tmp_path / "objects", signer=Signer("secret" * 8))
    user = catalogue.user()
    large = READ_BYTES // 3
    for n in range(SAMPLE):
        data = n.to_bytes(1) * large
        key = f"{user.owner}/{n}"
        await catalogue.objects.put_bytes(
            Bucket.ORIGINALS, key, data, media_type="application/octet-stream"
        )
    song = await user.track()
    async with catalogue.database.transaction() as session:
        for n in range(SAMPLE):
            await session.execute(
                text(
                    "UPDATE artifacts SET size = :size, object_key = :key, bucket = 'originals' "
                    "WHERE id = (SELECT id FROM artifacts WHERE size <> :size LIMIT 1)"
                ),
                {"size": large, "key": f"{user.owner}/{n}"},
            )
    assert song
    gauges = Gauges(catalogue.database, store, policy=catalogue.server.policy)
    for look in range(1, 6):
        await gauges.measure()
        assert store.read <= look * READ_BYTES
    assert store.read > 0


def gauge_readings() -> dict[str, float]:
    return {name: REGISTRY.get_sample_value(name) or 0.0 for name in INVARIANTS}


def queued_jobs(task: TaskName) -> float:
    value = REGISTRY.get_sample_value("library_jobs", {"task": task.value, "state": "queued"})
    assert value is not None
    return value


def errors(name: str) -> float:
    return REGISTRY.get_sample_value("library_gauge_errors_total", {"gauge": name}) or 0.0
