"""What services ask of the library on its internal port (S10, R8, R21)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from contracts.ids import ItemId, OwnerId
from contracts.jobs import Claim, Claims, JobProgressed
from contracts.objects import Bucket, owner_prefix
from contracts.topics import JOBS_PROGRESS
from kit.bus.memory import MemoryBus
from kit.clock import SystemClock, new_id
from kit.http.app import create_app
from kit.vectors.factory import open_vectors
from services.library.catalogue.tables import ItemRow
from services.library.deletions.deletions import Deletions
from services.library.jobs.progress import ProgressFeed
from services.library.jobs.tables import GarbageRow, JobRow
from services.library.routes.internal import internal_routes
from services.library.similarity.sound_vectors import SoundVectors
from tests.library.job_store import PRODUCER, TASK, Jobs
from tests.support.timeouts import HANG_TIMEOUT

SECRET = "s" * 40
WORKER = new_id()
CLAIM_REQUEST = {"task": TASK, "worker": WORKER, "producer": PRODUCER.model_dump(mode="json")}


@dataclass
class LibraryClient:
    """The internal application, its caller, and what lies behind it."""

    jobs: Jobs
    client: httpx.AsyncClient
    bus: MemoryBus
    progress: ProgressFeed
    owner: OwnerId
    item: ItemId

    async def claim(self, number: int = 1) -> Claim:
        await self.jobs.create(self.owner, self.item, number)
        answer = await self.client.post("/internal/claims", json=CLAIM_REQUEST)
        assert answer.status_code == 200, answer.text
        (claim,) = Claims.model_validate_json(answer.content).claims
        return claim

    async def beat(self, claim: Claim, *, epoch: int | None = None, fraction: float = 0.0) -> str:
        body = {
            "worker": WORKER,
            "epoch": epoch or claim.epoch,
            "progress": {"fraction": fraction},
        }
        answer = await self.client.post(f"/internal/jobs/{claim.job}/heartbeat", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])


@pytest.fixture
async def library(jobs: Jobs, tmp_path: Path) -> AsyncIterator[LibraryClient]:
    store = await open_vectors(jobs.database, tmp_path / "vectors")
    vectors = SoundVectors(jobs.database, store)
    bus = MemoryBus()
    await bus.start()
    await bus.ensure([JOBS_PROGRESS])
    progress = ProgressFeed(bus, clock=SystemClock())
    app = create_app("internal")
    app.include_router(
        internal_routes(
            jobs.database,
            progress,
            Deletions(jobs.database, vectors, patience=HANG_TIMEOUT),
            policy=jobs.policy,
            secret=SecretStr(SECRET),
        )
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://library",
        headers={"Authorization": f"Bearer {SECRET}"},
    ) as client:
        yield LibraryClient(jobs, client, bus, progress, *await jobs.owner())
    await bus.close()


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer wrong", f"Basic {SECRET}", SECRET]
)
async def test_nobody_else_is_answered(library: LibraryClient, authorization: str) -> None:
    headers = {"Authorization": authorization}
    calls = (
        ("POST", "/internal/claims", CLAIM_REQUEST),
        ("POST", f"/internal/jobs/{new_id()}/heartbeat", {"worker": WORKER, "epoch": 1}),
        ("DELETE", f"/internal/owners/{library.owner}", None),
    )
    for method, path, body in calls:
        answer = await library.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == 401, path
    async with library.jobs.database.session() as session:
        assert (await session.execute(select(func.count()).select_from(ItemRow))).scalar_one() == 1


async def test_an_empty_queue_gives_no_claims(library: LibraryClient) -> None:
    answer = await library.client.post("/internal/claims", json=CLAIM_REQUEST)
    assert (answer.status_code, answer.json()) == (200, {"claims": []})


async def test_a_worker_gets_as_many_as_it_has_room_for_the_oldest_first(
    library: LibraryClient,
) -> None:
    jobs = [await library.jobs.create(library.owner, library.item, number) for number in range(5)]
    claimed: list[str] = []
    for max_jobs in (3, 3, 3):
        answer = await library.client.post(
            "/internal/claims", json={**CLAIM_REQUEST, "max_jobs": max_jobs}
        )
        claims = Claims.model_validate_json(answer.content).claims
        assert all(claim.epoch == 1 for claim in claims)
        claimed += [claim.job for claim in claims]
    assert claimed == [job.id for job in jobs]


async def test_a_claim_is_kept_by_heartbeats_and_given_back(library: LibraryClient) -> None:
    claim = await library.claim()
    assert (claim.epoch, claim.attempt, claim.item.id) == (1, 1, library.item)
    assert await library.beat(claim, fraction=0.25) == "held"
    assert (await library.jobs.row(claim.job)).progress["fraction"] == 0.25
    await library.jobs.release(claim)
    assert await library.beat(claim) == "lost"
    row = await library.jobs.row(claim.job)
    assert (row.state, row.attempt) == ("queued", 0)


async def test_a_heartbeat_with_a_stale_epoch_is_answered_lost(library: LibraryClient) -> None:
    claim = await library.claim()
    assert await library.beat(claim, epoch=7) == "lost"
    assert await library.beat(claim) == "held"


async def test_a_cancelled_job_ends_when_its_worker_gives_it_back(library: LibraryClient) -> None:
    claim = await library.claim()
    await library.jobs.cancel(library.owner, claim.job)
    assert await library.beat(claim) == "cancelled"
    await library.jobs.release(claim)
    assert (await library.jobs.row(claim.job)).state == "cancelled"


async def test_what_is_not_a_request_is_refused(library: LibraryClient) -> None:
    for body in (
        {},
        {**CLAIM_REQUEST, "task": "dancing"},
        {**CLAIM_REQUEST, "epoch": 3},
        {**CLAIM_REQUEST, "worker": "w"},
    ):
        answer = await library.client.post("/internal/claims", json=body)
        assert answer.status_code == 422, body


async def test_progress_is_shown_at_once_and_no_more_than_the_latest(
    library: LibraryClient,
) -> None:
    claim = await library.claim()
    progress = library.bus.tail(JOBS_PROGRESS)
    stopping = asyncio.Event()
    running = asyncio.create_task(library.progress.run(stopping))
    for fraction in (0.1, 0.2, 0.3):
        await library.beat(claim, fraction=fraction)
    seen = []
    async with asyncio.timeout(10):
        async for event in progress:
            assert event is not None
            assert isinstance(event.data, JobProgressed)
            assert (event.data.job, event.owner) == (claim.job, library.owner)
            seen.append(event.data.progress.fraction)
            if seen[-1] == 0.3:
                break
    assert len(seen) <= 3
    assert seen == sorted(seen)
    stopping.set()
    await running


async def test_deleting_an_owner_deletes_everything_they_own(library: LibraryClient) -> None:
    claim = await library.claim()
    other, thing = await library.jobs.owner()
    await library.jobs.create(other, thing, 1)
    answer = await library.client.delete(f"/internal/owners/{library.owner}")
    assert answer.status_code == 202
    assert await library.beat(claim) == "lost"
    async with library.jobs.database.session() as session:
        assert {row.owner for row in await session.scalars(select(ItemRow))} == {other}
        assert {row.owner for row in await session.scalars(select(JobRow))} == {other}
        garbage = {(row.bucket, row.prefix) for row in await session.scalars(select(GarbageRow))}
    assert garbage == {(bucket.value, owner_prefix(library.owner)) for bucket in Bucket}
