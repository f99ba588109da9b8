"""A whole server in this process that dies, or whose ports fail, wherever a test wants it to.

The client, the library's routes, relay, consumer and reaper and the worker's attempt are the real
ones, driven one after the other; only the worker's child is played. What a process knew is
forgotten when it dies. What was committed, stored or acknowledged stays, and so does the client's
wish: it asks again, under the same key, until it is answered.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
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
from kit.worker.attempt import Attempt
from kit.worker.child_protocol import ChildResult, Finished, ProgressMade, Work
from kit.worker.compute import Child, ChildDied, EngineSetup
from kit.worker.job import Output
from kit.worker.library_client import HttpLibraryClient, LibraryUnavailable
from kit.worker.slot import Slot
from services.library.app import MIGRATIONS, catalogue, register_hooks
from services.library.catalogue.tables import ArtifactRow
from services.library.catalogue.uploads import Uploads
from services.library.completion.reaper import Reaper
from services.library.completion.worker_events import JobEvents
from services.library.deletions.deletions import Deletions
from services.library.events.relay import Relay
from services.library.events.tables import EventRow
from services.library.jobs.progress import ProgressFeed
from services.library.jobs.subjects import subject_columns
from services.library.jobs.tables import JobRow
from services.library.routes.context import Context
from services.library.routes.internal import internal_routes
from services.library.settings import LibrarySettings
from services.library.tables import METADATA
from tests.library.catalogue import ALL, AUDIO, MIDI, sha256
from tests.library.failing import (
    FailingBus,
    FailingDatabase,
    FailingStore,
    Killed,
    Points,
    unwrapped,
)
from tests.support.patience import HANGS

SECRET = "between-services-" + "x" * 32
PRODUCER = Producer(engine="played", version="1", fingerprint="0" * 64)
SETUP = EngineSetup(weights={}, device="cpu", threads=1)
SOUND = b"sound"
PLANNED = (DatabaseUnavailable, ObjectError, BusError, LibraryUnavailable, httpx.TransportError)
ROUNDS = 40


class UpstreamRouter(httpx.AsyncBaseTransport):
    """The way to the library; a library that dies behind it is a connection that breaks."""

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


class PlayedChild:
    """What an attempt needs of a child process."""

    def __init__(self, server: "BrittleServer") -> None:
        self._house = server

    async def run(
        self, work: Work
    ) -> AsyncIterator[ProgressMade | Finished | ChildResult | ChildDied]:
        """Go on until a heartbeat was answered, then end as the test wants."""
        yield ProgressMade(fraction=0.5, message="half")
        deed = self._house.deeds.pop(0) if self._house.deeds else "finish"
        if deed == "cancel":
            await self._house.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0 if deed == "cancel" else 0.2):
                await self._house.beaten.wait()
                if deed == "cancel":
                    await asyncio.Event().wait()
        if deed == "retry":
            yield ChildResult(outcome="retryable", reason="io", message="The disk was busy.")
        elif deed == "crash":
            yield ChildDied(code=-11, log="last words")
        else:
            path = work.scratch / "notes.mid"
            path.write_bytes(work.job.encode())
            output = Output(
                path=path, name=path.name, kind=ArtifactKind.MIDI, media_type="audio/midi"
            )
            yield Finished(result=MIDI.model_dump(mode="json"), outputs=(output,))


class PlayedSlot(Slot):
    """A slot whose child is in this process."""

    def __init__(self, server: "BrittleServer", folder: Path) -> None:
        super().__init__(SERVICE, folder)
        self.setup = SETUP
        self._house = server

    async def warm(self, setup: EngineSetup | None = None) -> Child:
        played: Any = PlayedChild(self._house)
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
class BrittleServer:
    """The server; `embedded` when all of it is one process with a bus of its own."""

    points: Points
    database: FailingDatabase
    objects: FailingStore
    folder: Path
    embedded: bool
    relays: type[Relay] = Relay
    owner: OwnerId = field(default_factory=lambda: OwnerId(new_id()))
    item: ItemId = field(default_factory=lambda: ItemId(new_id()))
    taken: list[tuple[Topic, str, AnyEvent]] = field(default_factory=list)
    """What any bus took, ever."""
    deeds: list[str] = field(default_factory=list)
    job: JobId | None = None
    told: str = ""
    """The job's state by the answer to the client that cancelled it."""
    asked: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    beaten: asyncio.Event = field(default_factory=asyncio.Event)
    caught_up: bool = False

    async def build(self) -> None:
        """Make what outlives every process: tables, one item; and the applications."""
        settings = LibrarySettings()
        self.policy = settings.policy(60.0)
        register_hooks(self.database, self.policy)
        clock = SystemClock()
        uploads = Uploads(
            self.database, self.objects, clock=clock, policy=self.policy, settings=settings
        )
        deletions = Deletions(self.database, patience=HANGS)
        context = Context(
            database=self.database,
            objects=self.objects,
            policy=self.policy,
            settings=settings,
            uploads=uploads,
            deletions=deletions,
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
        self.bus = await self._new_bus()
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
        await self._furnish()
        await self._boot()

    def _through(self, app: Any, headers: dict[str, str]) -> httpx.AsyncClient:
        door = UpstreamRouter(app, self._boot, alone=not self.embedded)
        return httpx.AsyncClient(transport=door, base_url="http://library", headers=headers)

    async def _furnish(self) -> None:
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

    async def _boot(self) -> None:
        """Start the library, or all of it, knowing nothing but what was kept."""
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

    # What each of them does in its turn.

    async def live(self, number: int, *deeds: str) -> None:
        """Ask for a job and go on until it has ended and everybody was told."""
        self.deeds = list(deeds)
        self.asked = {
            "item": self.item, "task": "midi", "force": True,
            "params": {"onset_threshold": round(0.1 + number / 10_000, 5)},
        }  # fmt: skip
        self.key, self.job, self.told = new_id(), None, ""
        self.taken.clear()
        for _ in range(ROUNDS):
            for turn in (self._ask, self._work, self._send, self._listen, self._sweep):
                await self._guarded(turn)
            if await self._quiet():
                return
        raise AssertionError(f"it is not over after {ROUNDS} rounds")

    async def _guarded(self, turn: Callable[[], Awaitable[None]]) -> None:
        try:
            await turn()
        except PLANNED:
            return  # It is done again in the next round.
        except BaseException as error:
            if not isinstance(unwrapped(error), Killed):
                raise
            if self.embedded or turn != self._work:
                await self._guarded(self._boot)

    async def _ask(self) -> None:
        if self.job is not None:
            return
        answer = await self.client.post(
            "/v1/jobs", json=self.asked, headers={"Idempotency-Key": self.key}
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
                self.told = answer.json()["state"]

    async def _work(self) -> None:
        worker = WorkerId(new_id())
        request = ClaimRequest(task=TaskName.MIDI, worker=worker, producer=PRODUCER)
        claims = await self.library.claim(request)
        if not claims:
            return
        self.beaten.clear()
        settings = KitSettings(heartbeat=0.05, grace=5.0)
        platform = Platform(settings, bus=self.bus, objects=self.objects)
        attempt = Attempt(
            claims[0],
            slot=PlayedSlot(self, self.folder / "slot"),
            library=Beaten(self),
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
        """Let an hour pass, in which nobody works; what was said before was heard (R12)."""
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

    async def _quiet(self) -> bool:
        if self.job is None or not self.caught_up:
            return False
        self.points.armed, armed = False, self.points.armed
        row = await self.row()
        unsent = await self.unsent()
        self.points.armed = armed
        return JobState(row.state).terminal and not unsent

    # What is found in the end.

    async def row(self) -> JobRow:
        async with self.database.session() as session:
            return (await session.scalars(select(JobRow).where(col(JobRow.id) == self.job))).one()

    async def unsent(self) -> int:
        query = select(func.count()).where(col(EventRow.published).is_(None))
        async with self.database.session() as session:
            return (await session.execute(query)).scalar_one()

    async def check(self) -> JobRow:
        """Nothing is lost, doubled or stuck; return the job."""
        self.points.armed = False
        row = await self.row()
        threshold = self.asked["params"]["onset_threshold"]
        async with self.database.session() as session:
            mine = select(JobRow).where(col(JobRow.owner) == self.owner)
            same = [
                one.id
                for one in await session.scalars(mine)
                if one.params["onset_threshold"] == threshold
            ]
            told = list(
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
        of_job = [one for one in told if one.type.startswith("job.")]
        assert [one.sequence for one in of_job] == list(range(1, row.seq + 1))
        ends = [one for one in of_job if "epoch" in one.data and one.type != "job.running"]
        assert [one.type for one in ends] == [f"job.{row.state}"], "it ends once"
        assert ends[0] is of_job[-1], "nothing follows its end"
        assert ends[0].data["epoch"] == row.epoch
        heard = dict.fromkeys(e.id for t, _, e in self.taken if t.name == LIBRARY_EVENTS.name)
        assert [id_ for id_ in heard if id_ in {one.id for one in told}] == [
            one.id for one in told
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


class Beaten:
    """The library, which notes that a heartbeat was answered."""

    def __init__(self, server: BrittleServer) -> None:
        self._house = server

    async def claim(self, request: ClaimRequest) -> tuple[Claim, ...]:
        return await self._house.library.claim(request)

    async def heartbeat(self, job: JobId, beat: Heartbeat) -> LeaseStatus:
        status = await self._house.library.heartbeat(job, beat)
        self._house.beaten.set()
        return status


@asynccontextmanager
async def brittle_server(
    url: str, folder: Path, *, embedded: bool, database: type[FailingDatabase] = FailingDatabase
) -> AsyncIterator[BrittleServer]:
    """Give a server that has not failed yet."""
    points = Points()
    opened = database(url, clock=SystemClock(), points=points)
    objects = FailingStore(folder / "objects", points=points)
    server = BrittleServer(points, opened, objects, folder, embedded)
    with points.of_statements():
        try:
            await server.build()
            yield server
        finally:
            await objects.close()
            await opened.close()
