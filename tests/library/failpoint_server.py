"""A whole server in this process that dies, or whose ports fail, at chosen failpoints.

The client, the library's routes, relay, consumer and reaper and the worker's attempt are the real
ones, driven one after the other; only the worker's child is a fake. A process that dies loses its
memory. Committed rows, stored files and acknowledged events stay. The client repeats its request
under the same key until it is answered.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import func, insert, select, update
from sqlmodel import col

from contracts.identity import Principal
from contracts.ids import ArtifactId, ItemId, JobId, OwnerId, UserId, WorkerId
from contracts.items import ArtifactKind
from contracts.jobs import Claim, ClaimRequest, Heartbeat, JobState, LeaseStatus, Producer, TaskName
from contracts.objects import Bucket
from contracts.subjects import Subject
from contracts.topics import DEAD_LETTERS, LIBRARY_EVENTS, TOPICS, Topic
from kit.bus.base import AnyEvent, BusError
from kit.clock import SystemClock, new_id
from kit.database.base import DatabaseUnavailable
from kit.http.app import create_app
from kit.objects.base import ObjectError
from kit.platform import Platform
from kit.service import WorkerService, WorkerSettings
from kit.settings import KitSettings
from kit.vectors.factory import open_vectors
from kit.worker.attempt import Attempt
from kit.worker.child_protocol import ChildResult, Finished, ProgressMade, Work
from kit.worker.compute import Child, ChildDied, EngineSetup
from kit.worker.job import Output
from kit.worker.library_client import HttpLibraryClient, LibraryUnavailable
from kit.worker.slot import Slot
from services.library.app import MIGRATIONS, catalogue, register_hooks
from services.library.catalogue.search_limits import Turns
from services.library.catalogue.tables import ArtifactRow
from services.library.catalogue.uploads import Uploads
from services.library.completion.reaper import Reaper
from services.library.completion.worker_events import JobEvents
from services.library.deletions.deletions import Deletions
from services.library.events.relay import Relay
from services.library.events.tables import EventRow
from services.library.imports.lookups import Lookups
from services.library.imports.web import Web
from services.library.jobs.progress import ProgressFeed
from services.library.jobs.subjects import subject_columns
from services.library.jobs.tables import JobRow
from services.library.recommendations.lists import RecommendationLists
from services.library.routes.context import Context
from services.library.routes.internal import internal_routes
from services.library.saved_searches.repository import saved_queries
from services.library.search.searching import Searches
from services.library.settings import LibrarySettings
from services.library.similarity.sound_vectors import SoundVectors
from services.library.tables import METADATA
from services.library.teaching.proposals import Proposals
from services.library.teaching.teaching import Teaching
from services.library.webhooks.testing import open_webhooks
from tests.library.catalogue import ALL, AUDIO, MIDI, sha256
from tests.library.failpoints import (
    FailingBus,
    FailingDatabase,
    FailingStore,
    Failpoints,
    Killed,
    unwrapped,
)
from tests.support.timeouts import HANG_TIMEOUT

SECRET = "between-services-" + "x" * 32
PRODUCER = Producer(engine="fake", version="1", fingerprint="0" * 64)
SETUP = EngineSetup(weights={}, device="cpu", threads=1)
SOUND = b"sound"
PORT_ERRORS = (DatabaseUnavailable, ObjectError, BusError, LibraryUnavailable, httpx.TransportError)
ROUNDS = 40


class LibraryTransport(httpx.AsyncBaseTransport):
    """The client's connection to the library; it breaks when the library dies."""

    def __init__(self, app: Any, died: Callable[[], Awaitable[None]], *, alone: bool) -> None:
        self._inner = httpx.ASGITransport(app)
        self._died = died
        self._alone = alone

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except BaseException as error:
            if not self._alone or not isinstance(unwrapped(error), Killed):
                raise
        await self._died()
        raise httpx.ReadError("the library is gone")


class FakeChild:
    """A child process in this process."""

    def __init__(self, server: "FailpointServer") -> None:
        self._server = server

    async def run(
        self, work: Work
    ) -> AsyncIterator[ProgressMade | Finished | ChildResult | ChildDied]:
        """Work until a heartbeat was answered, then finish with the test's next action."""
        yield ProgressMade(fraction=0.5, message="half")
        action = self._server.actions.pop(0) if self._server.actions else "finish"
        if action == "cancel":
            await self._server.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0 if action == "cancel" else 0.2):
                await self._server.heartbeat_answered.wait()
                if action == "cancel":
                    await asyncio.Event().wait()
        if action == "retry":
            yield ChildResult(outcome="retryable", reason="io", message="The disk was busy.")
        elif action == "crash":
            yield ChildDied(code=-11, log="last words")
        else:
            path = work.scratch / "notes.mid"
            path.write_bytes(work.job.encode())
            output = Output(
                path=path, name=path.name, kind=ArtifactKind.MIDI, media_type="audio/midi"
            )
            yield Finished(result=MIDI.model_dump(mode="json"), outputs=(output,))


class FakeSlot(Slot):
    """A slot whose child is a `FakeChild`."""

    def __init__(self, server: "FailpointServer", folder: Path) -> None:
        super().__init__(SERVICE, folder)
        self.setup = SETUP
        self._server = server

    async def warm(self, setup: EngineSetup | None = None) -> Child:
        played: Any = FakeChild(self._server)
        return played  # type: ignore[no-any-return]

    async def close(self) -> None:
        return


SERVICE = WorkerService(
    word=TaskName.MIDI,
    version="1",
    params=type(MIDI),
    result=type(MIDI),
    settings=WorkerSettings,
    handler="none:none",
    engine="none:none",
)


@dataclass
class FailpointServer:
    """The server; `embedded` when all of it is one process with a bus of its own."""

    points: Failpoints
    database: FailingDatabase
    objects: FailingStore
    folder: Path
    embedded: bool
    relays: type[Relay] = Relay
    owner: OwnerId = field(default_factory=lambda: OwnerId(new_id()))
    item: ItemId = field(default_factory=lambda: ItemId(new_id()))
    taken: list[tuple[Topic, str, AnyEvent]] = field(default_factory=list)
    """Every event that any bus accepted."""
    actions: list[str] = field(default_factory=list)
    job: JobId | None = None
    cancelled_state: str = ""
    """The job's state in the answer to its cancellation."""
    request: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    heartbeat_answered: asyncio.Event = field(default_factory=asyncio.Event)
    caught_up: bool = False

    async def build(self) -> None:
        """Create what outlives every process, the tables and one item, and the applications."""
        settings, database, clock = LibrarySettings(), self.database, SystemClock()
        self.policy = policy = settings.policy(60.0)
        register_hooks(database, policy)
        uploads = Uploads(database, self.objects, clock=clock, policy=policy, settings=settings)
        vectors = SoundVectors(database, await open_vectors(database, self.folder / "vectors"))
        deletions = Deletions(database, vectors, patience=HANG_TIMEOUT)
        self.bus = await self._new_bus()
        searches = Searches(
            self.database,
            clock=clock,
            max_bytes=1 << 20,
            at_once=1,
            vectors=vectors,
            proposals=Proposals(self.database, vectors),
            saved=saved_queries,
        )
        context = Context(
            database=self.database,
            bus=self.bus,
            objects=self.objects,
            policy=self.policy,
            settings=settings,
            uploads=uploads,
            deletions=deletions,
            searches=searches,
            lookups=Lookups(self.database, uploads, Web(ThreadPoolExecutor(1)), {}, max_pack=1),
            item_searches=Turns(1),
            vectors=vectors,
            teaching=Teaching(self.database, vectors, at_once=1),
            recommendations=RecommendationLists(self.database, searches),
            webhooks=open_webhooks(self.database, SECRET),
        )

        async def authenticate(token: str) -> Principal:
            return Principal(
                user=UserId(self.owner),
                owner=self.owner,
                scopes=ALL,
                token=token,
                expires=datetime.now(UTC) + timedelta(hours=1),
            )

        async def ready() -> dict[str, bool]:
            return {}

        public = catalogue(context, authenticate=authenticate, ready=ready)
        internal = create_app("internal")
        internal.include_router(
            internal_routes(
                self.database,
                ProgressFeed(self.bus, clock=clock),
                deletions,
                policy=self.policy,
                secret=SecretStr(SECRET),
            )
        )
        self.client = self._through(public, {"Authorization": "Bearer token"})
        self.library = HttpLibraryClient(self._through(internal, {}), secret=SECRET)
        await self._create_item()
        await self._restart()

    def _through(self, app: Any, headers: dict[str, str]) -> httpx.AsyncClient:
        transport = LibraryTransport(app, self._restart, alone=not self.embedded)
        return httpx.AsyncClient(transport=transport, base_url="http://library", headers=headers)

    async def _create_item(self) -> None:
        await self.database.migrate(MIGRATIONS)
        key = f"{self.owner}/{self.item}/canonical.flac"
        await self.objects.ensure()
        await self.objects.put_bytes(Bucket.DERIVED, key, SOUND, media_type="audio/flac")
        async with self.database.transaction() as session:
            now = await self.database.time(session)
            audio = AUDIO.model_dump(mode="json")
            await session.execute(
                insert(METADATA.tables["items"]).values(
                    id=self.item, owner=self.owner, kind="track", state="ready", name="song",
                    created=now, updated=now, labels={}, search="", audio=audio,
                )
            )  # fmt: skip
            await session.execute(
                insert(METADATA.tables["artifacts"]).values(
                    id=ArtifactId(new_id()), owner=self.owner, kind="canonical",
                    **subject_columns(Subject.of_item(self.item)),
                    name="canonical.flac", bucket="derived", object_key=key, size=len(SOUND),
                    sha256=sha256(SOUND), media_type="audio/flac", created=now, audio=audio,
                )
            )  # fmt: skip

    async def _new_bus(self) -> FailingBus:
        bus = FailingBus(self.taken, points=self.points)
        await bus.start()
        await bus.ensure(TOPICS)
        return bus

    async def _restart(self) -> None:
        """Start the library, or the embedded server, from its database, files and bus alone."""
        if self.embedded:
            self.bus = await self._new_bus()
        self.relay = self.relays(self.database, self.bus)
        self.handler = JobEvents(self.database, self.objects, policy=self.policy)
        self.reaper = Reaper(
            self.database,
            self.objects,
            policy=self.policy,
            clock=SystemClock(),
            results_read=asyncio.Event(),
        )
        self.caught_up = False
        if self.embedded:
            await self.reaper.requeue_all()

    # What each part does in its turn.

    async def run_job(self, number: int, *actions: str) -> None:
        """Submit a job and run every part until it has ended and all its events are published."""
        self.actions = list(actions)
        self.request = {
            "item": self.item, "task": "midi", "force": True,
            "params": {"onset_threshold": round(0.1 + number / 10_000, 5)},
        }  # fmt: skip
        self.key, self.job, self.cancelled_state = new_id(), None, ""
        self.taken.clear()
        for _ in range(ROUNDS):
            for turn in (self._ask, self._work, self._send, self._listen, self._sweep):
                await self._survive_faults(turn)
            if await self._is_idle():
                return
        raise AssertionError(f"it is not over after {ROUNDS} rounds")

    async def _survive_faults(self, turn: Callable[[], Awaitable[None]]) -> None:
        try:
            await turn()
        except PORT_ERRORS:
            return  # The next round tries again.
        except BaseException as error:
            if not isinstance(unwrapped(error), Killed):
                raise
            if self.embedded or turn != self._work:
                await self._survive_faults(self._restart)

    async def _ask(self) -> None:
        if self.job is not None:
            return
        answer = await self.client.post(
            "/v1/jobs", json=self.request, headers={"Idempotency-Key": self.key}
        )
        assert answer.status_code in (202, 503), answer.text
        if answer.is_success:
            self.job = JobId(answer.json()["id"])

    async def cancel(self) -> None:
        """Cancel the job, as its owner would."""
        if self.job is None:
            return
        with suppress(httpx.TransportError):
            answer = await self.client.post(f"/v1/jobs/{self.job}/cancel")
            assert answer.status_code in (200, 503), answer.text
            if answer.is_success:
                self.cancelled_state = answer.json()["state"]

    async def _work(self) -> None:
        worker = WorkerId(new_id())
        request = ClaimRequest(task=TaskName.MIDI, worker=worker, producer=PRODUCER)
        claims = await self.library.claim(request)
        if not claims:
            return
        self.heartbeat_answered.clear()
        settings = KitSettings(heartbeat=0.05, grace=5.0)
        platform = Platform(settings, bus=self.bus, objects=self.objects)
        attempt = Attempt(
            claims[0],
            slot=FakeSlot(self, self.folder / "slot"),
            library=HeartbeatRecorder(self),
            platform=platform,
            worker=worker,
            producer=PRODUCER,
            stopping=asyncio.Event(),
            force_stop=asyncio.Event(),
        )
        await attempt.run()

    async def _send(self) -> None:
        while await self.relay.relay():
            pass

    async def _listen(self) -> None:
        self.caught_up = False
        consumer, stopping = self.handler.consumer(self.bus), asyncio.Event()
        running = asyncio.create_task(consumer.run(stopping))
        waiting = asyncio.create_task(consumer.caught_up.wait())
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        stopping.set()
        await running
        self.caught_up = True

    async def _sweep(self) -> None:
        """Sweep as if an hour had passed without work; earlier events were handled (R12)."""
        if not self.caught_up:
            return
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        self.points.armed, armed = False, self.points.armed
        async with self.database.transaction() as session:
            held = update(JobRow).where(col(JobRow.lease_until).is_not(None))
            await session.execute(held.values(lease_until=long_ago))
            await session.execute(update(JobRow).values(not_before=long_ago))
        self.points.armed = armed
        await self.reaper.sweep()

    async def _is_idle(self) -> bool:
        if self.job is None or not self.caught_up:
            return False
        self.points.armed, armed = False, self.points.armed
        row = await self.row()
        unsent = await self.unsent()
        self.points.armed = armed
        return JobState(row.state).terminal and not unsent

    # The final state.

    async def row(self) -> JobRow:
        async with self.database.session() as session:
            return (await session.scalars(select(JobRow).where(col(JobRow.id) == self.job))).one()

    async def unsent(self) -> int:
        query = select(func.count()).where(col(EventRow.published).is_(None))
        async with self.database.session() as session:
            return (await session.execute(query)).scalar_one()

    async def check(self) -> JobRow:
        """Check that nothing is lost, doubled or stuck; return the job."""
        self.points.armed = False
        row = await self.row()
        threshold = self.request["params"]["onset_threshold"]
        async with self.database.session() as session:
            mine = select(JobRow).where(col(JobRow.owner) == self.owner)
            same = [
                job.id
                for job in await session.scalars(mine)
                if job.params["onset_threshold"] == threshold
            ]
            events = list(
                await session.scalars(
                    select(EventRow)
                    .where(col(EventRow.job) == self.job)
                    .where(col(EventRow.topic) == LIBRARY_EVENTS.name)
                    .order_by(col(EventRow.seq))
                )
            )
            files = list(
                await session.scalars(select(ArtifactRow).where(col(ArtifactRow.job) == self.job))
            )
        assert same == [self.job], "what was asked for once is one job"
        job_events = [event for event in events if event.type.startswith("job.")]
        assert [event.sequence for event in job_events] == list(range(1, row.seq + 1))
        ends = [
            event for event in job_events if "epoch" in event.data and event.type != "job.running"
        ]
        assert [event.type for event in ends] == [f"job.{row.state}"], "it ends once"
        assert ends[0] is job_events[-1], "nothing follows its end"
        assert ends[0].data["epoch"] == row.epoch
        published = dict.fromkeys(e.id for t, _, e in self.taken if t.name == LIBRARY_EVENTS.name)
        assert [id_ for id_ in published if id_ in {event.id for event in events}] == [
            event.id for event in events
        ], "every event was published, and first in its order"
        letters = [e.type for t, _, e in self.taken if t.name == DEAD_LETTERS.name]
        assert not letters
        assert not self.bus.records(DEAD_LETTERS.name)
        if row.state != JobState.SUCCEEDED:
            assert not files
            return row
        (file,) = files
        assert f"/{self.job}/{row.epoch}/" in file.object_key
        stored = await self.objects.get_bytes(Bucket(file.bucket), file.object_key)
        assert stored == str(self.job).encode()
        assert file.sha256 == sha256(stored)
        return row


class HeartbeatRecorder:
    """A library client that records when a heartbeat was answered."""

    def __init__(self, server: FailpointServer) -> None:
        self._server = server

    async def claim(self, request: ClaimRequest) -> tuple[Claim, ...]:
        return await self._server.library.claim(request)

    async def heartbeat(self, job: JobId, beat: Heartbeat) -> LeaseStatus:
        status = await self._server.library.heartbeat(job, beat)
        self._server.heartbeat_answered.set()
        return status


@asynccontextmanager
async def failpoint_server(
    url: str, folder: Path, *, embedded: bool, database: type[FailingDatabase] = FailingDatabase
) -> AsyncIterator[FailpointServer]:
    """Yield a server that has not failed yet."""
    points = Failpoints()
    opened = database(url, clock=SystemClock(), points=points)
    objects = FailingStore(folder / "objects", points=points)
    server = FailpointServer(points, opened, objects, folder, embedded)
    with points.counting_statements():
        try:
            await server.build()
            yield server
        finally:
            await objects.close()
            await opened.close()
