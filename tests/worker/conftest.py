"""A worker runtime on the memory bus and a folder store, with a library that tests fill."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.ids import ItemId, JobId, OwnerId
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import (
    Claim,
    ClaimRequest,
    Heartbeat,
    InputRef,
    ItemFacts,
    JobRequested,
    LeaseStatus,
    TaskName,
    WorkerInfo,
)
from contracts.objects import Bucket
from contracts.subjects import Subject
from contracts.topics import JOBS_EVENTS, commands
from kit.bus.base import AnyEvent
from kit.bus.factory import open_bus
from kit.clock import Clock, SystemClock, new_id
from kit.objects.base import ObjectStore
from kit.objects.factory import open_objects
from kit.platform import Platform
from kit.service import WorkerSettings
from kit.settings import KitSettings
from kit.worker.compute import EngineSetup
from kit.worker.runtime import WorkerRuntime
from tests.support.events import make_event
from tests.support.scripted_service import SERVICE, ScriptedParams

OWNER = OwnerId(new_id())


class FakeLibrary:
    """A library client that hands out queued claims, and answers heartbeats as configured."""

    def __init__(self) -> None:
        self.waiting: deque[Claim] = deque()
        self.status = LeaseStatus.HELD
        self.cancelled: set[JobId] = set()
        self.beats: list[Heartbeat] = []
        self.claim_requests = 0
        self.abouts: list[WorkerInfo | None] = []

    async def claim(self, request: ClaimRequest) -> tuple[Claim, ...]:
        self.claim_requests += 1
        self.abouts.append(request.about)
        claims: list[Claim] = []
        for claim in tuple(self.waiting):
            room = not claim.long or sum(claimed.long for claimed in claims) < request.max_long_jobs
            if room and len(claims) < request.max_jobs:
                self.waiting.remove(claim)
                claims.append(claim)
        return tuple(claims)

    async def heartbeat(self, job: JobId, beat: Heartbeat) -> LeaseStatus:
        self.beats.append(beat)
        return LeaseStatus.CANCELLED if job in self.cancelled else self.status


class GpuRuntime(WorkerRuntime):
    """A runtime that assumes a GPU; the scripted engine only needs the device's name."""

    def _setup(self) -> tuple[EngineSetup, str]:
        setup, fingerprint = super()._setup()
        return replace(setup, device="cuda"), fingerprint


class ManualWaitClock(SystemClock):
    """A clock whose long waits end when a test ends them."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds < 5.0:
            await super().sleep(seconds)
        else:
            self.waits.append(seconds)
            await self._over.wait()

    def end_waits(self) -> None:
        self._over.set()
        self._over = asyncio.Event()


class WorkerHarness:
    """A worker runtime with its platform, its library and the events it published."""

    def __init__(
        self,
        platform: Platform,
        library: FakeLibrary,
        *,
        runtime: type[WorkerRuntime] = WorkerRuntime,
        chosen: WorkerSettings,
    ) -> None:
        self.platform = platform
        self.library = library
        self.events: list[AnyEvent] = []
        self.stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self.runtime = runtime(SERVICE, chosen, platform=platform, library=library)

    async def record(self, event: AnyEvent) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], *, within: float = 20.0) -> None:
        """Wait for a condition that events or heartbeats bring about."""
        async with asyncio.timeout(within):
            while not condition():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.02):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    async def offer(
        self,
        start_to_close_timeout: float = 20.0,
        *,
        long: bool = False,
        before: Callable[[str], Awaitable[None]] | None = None,
        **params: Any,
    ) -> Claim:
        """Queue a job in the library and wake the worker up.

        `before` runs first, with the key of the job's stored input.
        """
        job, item = JobId(new_id()), ItemId(new_id())
        data = b"sound of " + job.encode()
        key = f"{OWNER}/{item}/input"
        await self.platform.objects.put_bytes(
            Bucket.DERIVED, key, data, media_type="application/octet-stream"
        )
        if before is not None:
            await before(key)
        claim = Claim(
            job=job,
            epoch=1,
            attempt=1,
            task=TaskName.EXPORT,
            owner=OWNER,
            subject=Subject.of_item(item),
            item=ItemFacts(id=item, kind=ItemKind.TRACK, name="song"),
            inputs=(
                InputRef(
                    subject=Subject.of_item(item),
                    kind=ArtifactKind.CANONICAL,
                    name="canonical.flac",
                    bucket=Bucket.DERIVED,
                    key=key,
                    size=len(data),
                    sha256=hashlib.sha256(data).hexdigest(),
                ),
            ),
            params=ScriptedParams.model_validate(params).model_dump(),
            long=long,
            lease=1.0,
            start_to_close_timeout=start_to_close_timeout,
        )
        self.library.waiting.append(claim)
        await self.platform.bus.publish(
            commands(TaskName.EXPORT),
            make_event(
                "export.requested",
                JobRequested(job=job, task=TaskName.EXPORT, priority="interactive"),
            ),
            key=job,
        )
        return claim

    def events_of(self, claim: Claim) -> list[AnyEvent]:
        """Return the events of a job."""
        return [e for e in self.events if e.subject == claim.job]

    async def outcome(self, claim: Claim, *, within: float = 20.0) -> AnyEvent:
        """Wait for the job's outcome and return its event."""
        await self.until(lambda: bool(self.events_of(claim)), within=within)
        (event,) = self.events_of(claim)
        return event


@asynccontextmanager
async def running_worker(
    tmp_path: Path,
    runtime: type[WorkerRuntime] = WorkerRuntime,
    *,
    slots: int = 1,
    chosen: WorkerSettings | None = None,
    clock: Clock | None = None,
    objects: ObjectStore | None = None,
) -> AsyncIterator[WorkerHarness]:
    """Yield a running worker, on its own object store or a given one."""
    settings = KitSettings(
        bus_url="memory://",
        objects_url=SecretStr(f"file://{tmp_path / 'objects'}"),
        objects_signing_secret=SecretStr("s" * 40),
        weights_dir=tmp_path / "weights",
        scratch_dir=tmp_path / "scratch",
        heartbeat=0.2,
        poll=0.2,
        grace=6.0,
    )
    chosen = chosen or WorkerSettings(slots=slots, device="cpu")
    async with AsyncExitStack() as stack:
        platform = Platform(
            settings,
            bus=open_bus(settings),
            objects=objects or open_objects(settings),
            clock=clock,
        )
        await platform.open(stack)
        harness = WorkerHarness(platform, FakeLibrary(), runtime=runtime, chosen=chosen)
        stop = asyncio.Event()
        consumer = platform.bus.consumer(JOBS_EVENTS, group="library", handler=harness.record)
        listening = asyncio.create_task(consumer.run(stop))
        working = asyncio.create_task(harness.runtime.run(harness.stopping))
        try:
            yield harness
        finally:
            harness.stopping.set()
            harness.runtime.force_stop()
            await working
            stop.set()
            await listening


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with running_worker(tmp_path) as harness:
        yield harness


@pytest.fixture
async def gpu_harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with running_worker(tmp_path, GpuRuntime) as harness:
        yield harness
