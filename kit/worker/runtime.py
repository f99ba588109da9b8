"""The worker runtime: claims jobs of one task from the library and runs each in a child process.

Three kinds of tasks share the event loop, which itself never computes:

- `_listen` tails the task's command topic and turns each command into a wake-up. Commands carry no
  work: they only make the next claim come sooner, so a lost one costs at most one poll interval.
- `_claim_loop` asks the library for as many jobs as there are free, warm slots. The library's job
  table is the queue; a claim gives this worker a lease on each job.
- `_run_job`, once for each job, runs an `Attempt` in a slot and then frees the slot.

The first two never await a job. A slot's child process outlives its job, because loading an engine
takes seconds; it is replaced when it dies, is killed or must be loaded differently. Whatever
happens to a child becomes one of the outcomes that the job table knows; if the worker itself dies,
its leases expire and the library requeues the jobs.

On SIGTERM `run` stops claiming first, then waits for the attempts, which finish or release their
jobs within the grace period (see `kit.worker.attempt`), and kills the children last. A second
signal (`force_stop`) makes every attempt release its job at once.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import platform as machine
import random
import shutil
import tempfile
from pathlib import Path
from typing import cast

from contracts.ids import WorkerId
from contracts.jobs import MAX_CLAIMS, Claim, ClaimRequest, Producer, WorkerInfo
from contracts.topics import commands
from contracts.weights import ModelWeights
from kit.clock import new_id
from kit.inference.devices import available_device
from kit.observability.logging import bind
from kit.observability.metrics import JOBS_RUNNING, SLOTS
from kit.platform import ServicePlatform
from kit.service import WorkerService, WorkerSettings
from kit.weights.manifest import WeightsManifest, read_manifest
from kit.weights.store import MissingWeights, open_store
from kit.worker.attempt import Attempt, AttemptOutcome
from kit.worker.compute import EngineSetup, LoadFailed
from kit.worker.library_client import LibraryClient, LibraryUnavailable
from kit.worker.slot import Slot

log = logging.getLogger(__name__)

RETRY_LOAD = 30.0
"""Seconds between two tries to load an engine."""
CLAIM_TIMEOUT = 10.0
"""Seconds that a stopping worker waits for the answer to its last claim."""
DEVICE_FAILURES = 3
"""Consecutive failures of a device after which the worker pauses claiming."""
DEVICE_PAUSE = 300.0
"""Seconds of that pause, after which one more job is tried."""
REPORT_EVERY = 60.0
"""Seconds between two claims that describe the worker to administrators."""


class WorkerRuntime:
    """Claims the jobs of one service and runs them in child processes.

    Parameters
    ----------
    service
        The task's handler and engine.
    settings
        The service's settings.
    platform
        Bus, object store, clock and settings of this process.
    library
        Client for claims and heartbeats.
    """

    def __init__(
        self,
        service: WorkerService,
        settings: WorkerSettings,
        *,
        platform: ServicePlatform,
        library: LibraryClient,
    ) -> None:
        self.service = service
        self.settings = settings
        self.platform = platform
        self.library = library
        self.worker = WorkerId(new_id())
        self.producer: Producer | None = None
        self._info: WorkerInfo | None = None
        self._reported = -REPORT_EVERY
        """When a claim last described the worker."""
        self._unprepared = "The engine is being loaded."
        self._wakeup = asyncio.Event()
        self._wakeup.set()
        self._stopping = asyncio.Event()
        self._force_stop = asyncio.Event()
        self._claim_in_flight = False
        self._device_failures = 0
        self._free: asyncio.Queue[Slot] = asyncio.Queue()
        self._slots: list[Slot] = []
        self._warming: dict[Slot, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._long_jobs = 0
        """Running jobs that the library expected to take long."""

    @property
    def device_works(self) -> bool:
        """Whether the device failed fewer than `DEVICE_FAILURES` times in a row."""
        return self._device_failures < DEVICE_FAILURES

    @property
    def problem(self) -> str:
        """Why the worker is not ready, for operators; empty if it is."""
        if self._unprepared:
            return self._unprepared
        if not self.device_works:
            return (
                f"The device failed {DEVICE_FAILURES} times in a row. The worker tries again after "
                f"{DEVICE_PAUSE:.0f} s; if it keeps failing, check the device and its driver."
            )
        return self._slots[0].problem if all(slot.problem for slot in self._slots) else ""

    @property
    def ready(self) -> bool:
        """Whether the worker claims jobs."""
        return not self.problem and not self._stopping.is_set()

    def force_stop(self) -> None:
        """Release running jobs now instead of finishing them (the second signal)."""
        self._force_stop.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Run jobs until `stopping` is set; then finish what fits the grace, release the rest."""
        bind({"task": self.service.word})
        scratch = scratch_folder(self.platform.settings.scratch_dir, self.service.word)
        self._slots = [
            Slot(self.service, scratch / f"slot{number}")
            for number in range(max(1, self.settings.slots))
        ]
        SLOTS.labels(self.service.word).set(len(self._slots))
        listening = asyncio.create_task(self._listen())
        claiming = asyncio.create_task(self._claim_loop())
        try:
            await stopping.wait()
        finally:
            # The attempts watch this event too, so they begin to drain now.
            self._stopping.set()
            listening.cancel()
            await self._stop_claiming(claiming)
            await asyncio.gather(listening, return_exceptions=True)
            if self._running:
                log.info("draining %d running jobs", len(self._running))
                await asyncio.gather(*self._running, return_exceptions=True)
            for slot in self._slots:
                await slot.close()
            shutil.rmtree(scratch, ignore_errors=True)

    async def _stop_claiming(self, claiming: "asyncio.Task[None]") -> None:
        """Stop the claim loop and the loading of engines.

        A claim in flight is awaited: the library may have granted it already, and jobs that nobody
        runs would wait for their lease to expire. They start, and drain like the others.
        """
        self._wakeup.set()
        if self._claim_in_flight:
            await asyncio.wait({claiming}, timeout=CLAIM_TIMEOUT)
        warming = tuple(self._warming.values())
        for task in (claiming, *warming):
            task.cancel()
        await asyncio.gather(claiming, *warming, return_exceptions=True)

    async def _listen(self) -> None:
        """Set the wake-up for every command of this task."""
        topic = commands(self.service.word)
        while True:
            try:
                async for _ in self.platform.bus.tail(topic):
                    self._wakeup.set()
            except Exception:
                log.warning("the bus cannot be read; polling for work instead", exc_info=True)
            await self.platform.clock.sleep(1.0)

    async def _claim_loop(self) -> None:
        """Claim jobs for free slots and start each as a task of its own."""
        await self._prepare()
        for slot in self._slots:
            self._free.put_nowait(slot)
        while not self._stopping.is_set():
            warm = await self._warm_slots()
            if not self.device_works:
                await self._pause_for_device()
            # Clear before the request: a command that arrives while the library answers may
            # announce a job that the answer does not include.
            self._wakeup.clear()
            claims = await self._request_claims(len(warm))
            for slot, claim in zip(warm, claims, strict=False):
                JOBS_RUNNING.labels(self.service.word).inc()
                self._long_jobs += claim.long
                task = asyncio.create_task(self._run_job(slot, claim))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            for slot in warm[len(claims) :]:
                self._free.put_nowait(slot)
            if len(claims) < len(warm):
                # The queue is empty. After a full answer there may be more, so ask again as soon
                # as a slot is free.
                await self._wait_for_wakeup()

    async def _warm_slots(self) -> list[Slot]:
        """Wait for at least one free slot with a warm engine; return all of them.

        Cold slots are warmed in the background, so that a slot whose engine cannot be loaded does
        not delay the others.
        """
        warm: list[Slot] = []
        while not warm or (not self._free.empty() and len(warm) < MAX_CLAIMS):
            slot = await self._free.get()
            if slot.is_warm:
                warm.append(slot)
            else:
                self._warming[slot] = asyncio.create_task(self._reload(slot))
        return warm

    async def _reload(self, slot: Slot) -> None:
        """Load a slot's engine, retrying until it succeeds, then free the slot."""
        while True:
            try:
                await slot.warm()
            except LoadFailed as error:
                log.error("an engine of %s cannot be loaded: %s", self.service.word, error)
                slot.problem = str(error)
                await self.platform.clock.sleep(RETRY_LOAD)
                continue
            slot.problem = ""
            del self._warming[slot]
            self._free.put_nowait(slot)
            return

    async def _pause_for_device(self) -> None:
        """Pause claiming after repeated failures of the device.

        `/healthz` fails meanwhile, so that an orchestrator can restart the worker, perhaps on
        another device. Without one, the worker resumes after the pause with a single trial job:
        one more failure pauses it again.
        """
        log.error("%s is not ready: %s", self.service.word, self.problem)
        await self.platform.clock.sleep(DEVICE_PAUSE)
        self._device_failures = DEVICE_FAILURES - 1

    async def _prepare(self) -> None:
        """Verify the weights and warm every slot's engine, retrying until that succeeds."""
        while True:
            try:
                setup, fingerprint = await asyncio.to_thread(self._setup)
                models = await asyncio.to_thread(self._models)
                for slot in self._slots:
                    slot.setup = setup
                    await slot.warm()
            except (MissingWeights, LoadFailed) as error:
                self._unprepared = str(error)
                log.error("%s is not ready: %s", self.service.word, error)
                await self.platform.clock.sleep(RETRY_LOAD)
                continue
            self.producer = self._producer_of(self._slots[0].engine, setup, fingerprint)
            self._info = WorkerInfo(
                host=machine.node()[:100],
                device=setup.device,
                slots=len(self._slots),
                models=models,
            )
            self._unprepared = ""
            log.info("%s is ready: %s on %s", self.service.word, self.producer.engine, setup.device)
            return

    async def _request_claims(self, max_jobs: int) -> tuple[Claim, ...]:
        """Claim up to `max_jobs` jobs; none if the library is unavailable."""
        now = self.platform.clock.monotonic()
        due = now - self._reported >= REPORT_EVERY
        request = ClaimRequest(
            task=self.service.word,
            worker=self.worker,
            producer=cast(Producer, self.producer),
            about=self._info if due else None,
            max_jobs=max_jobs,
            max_long_jobs=min(max_jobs, max(0, self.settings.long_slots - self._long_jobs)),
        )
        self._claim_in_flight = True
        try:
            claims = await self.library.claim(request)
        except LibraryUnavailable as error:
            log.warning("claiming failed: %s", error)
            return ()
        else:
            self._reported = now if due else self._reported
            return claims
        finally:
            self._claim_in_flight = False

    async def _wait_for_wakeup(self) -> None:
        """Wait for a command, but no longer than the poll interval, which finds what was missed."""
        poll = self.platform.settings.poll
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(poll * random.uniform(0.8, 1.2)):
                await self._wakeup.wait()
                # Jitter: a command wakes all idle workers, and they must not claim all at once.
                await asyncio.sleep(random.uniform(0, 0.05))

    async def _run_job(self, slot: Slot, claim: Claim) -> None:
        """Run one attempt to its outcome, then free the slot."""
        bind({"job_id": claim.job, "epoch": str(claim.epoch)})
        attempt = Attempt(
            claim,
            slot=slot,
            library=self.library,
            platform=self.platform,
            worker=self.worker,
            producer=cast(Producer, self.producer),
            stopping=self._stopping,
            force_stop=self._force_stop,
        )
        try:
            outcome = await attempt.run()
        except Exception:
            # Nothing was published, so the library requeues the job once the lease expires. Kill
            # the child: it may still be working on the job.
            log.exception("the attempt failed unexpectedly; its lease will expire")
            await slot.close()
            outcome = AttemptOutcome.BROKEN
        finally:
            JOBS_RUNNING.labels(self.service.word).dec()
            if claim.long:
                self._long_jobs -= 1
                # Another slot may be idle only because no further long job was allowed.
                self._wakeup.set()
        failed = outcome is AttemptOutcome.DEVICE_FAILED
        self._device_failures = self._device_failures + 1 if failed else 0
        self._free.put_nowait(slot)

    def _manifest(self) -> WeightsManifest:
        if self.service.weights:
            return read_manifest(self.service.weights)
        return WeightsManifest(word=self.service.word, weights=())

    def _models(self) -> tuple[ModelWeights, ...]:
        """Return the weights of the service as administrators see them."""
        store = open_store(self.platform.settings)
        return tuple(
            ModelWeights(
                name=entry.name,
                version=entry.version,
                licence=entry.licence[:200],
                source=str(entry.parts[0].sources[0])[:500],
                bytes=entry.bytes,
                default=entry.default,
                installed=store.present(entry),
            )
            for entry in self._manifest().weights[:50]
        )

    def _setup(self) -> tuple[EngineSetup, str]:
        """Verify the weights; return the engines' setup, and the version and weights as text."""
        manifest = self._manifest()
        weights = open_store(self.platform.settings).verified(manifest)
        slots = max(1, self.settings.slots)
        threads = self.settings.threads or max(1, (os.cpu_count() or 1) // slots)
        setup = EngineSetup(
            weights=weights,
            device=available_device(self.settings.device, self.service.gpu),
            threads=threads,
            memory_mib=self.settings.memory_mib,
            prefer=self.settings.engine,
        )
        digests = [w.digest for w in manifest.weights if w.name in weights]
        return setup, "\n".join([self.service.version, *digests])

    def _producer_of(self, engine: str, setup: EngineSetup, fingerprint: str) -> Producer:
        return Producer(
            engine=engine,
            version=self.service.version,
            weights=", ".join(sorted(setup.weights))[:200],
            fingerprint=hashlib.sha256(f"{engine}\n{fingerprint}".encode()).hexdigest(),
        )


def scratch_folder(root: Path | None, word: str) -> Path:
    """Create a private scratch folder, and remove those of dead worker processes."""
    base = root or Path(tempfile.gettempdir())
    base.mkdir(parents=True, exist_ok=True)
    for left in base.glob(f"cratedig-{word}-*-*"):
        # The folder's name holds the process id. Without /proc, no process can be told dead.
        pid = left.name.split("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"cratedig-{word}-{os.getpid()}-", dir=base))
