"""The worker runtime: one task listens, one claims, one for each slot runs a job.

None of the first two ever awaits a job, the event loop never computes, and whatever happens to a
child process becomes one of the outcomes that the job table knows.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import cast

from contracts.ids import WorkerId
from contracts.jobs import MAX_CLAIMS, Claim, ClaimRequest, Producer
from contracts.topics import commands
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
"""Seconds between two tries to make an engine ready."""
CLAIM_WITHIN = 10.0
"""Seconds that a stopping worker waits for the answer to its last claim."""
DEVICE_FAILURES = 3
"""Failures of a device in a row after which this worker takes no work for a while."""
DEVICE_REST = 300.0
"""Seconds before one more job is tried on a device that failed."""


class WorkerRuntime:
    """Claims the jobs of one service and runs them in child processes.

    Parameters
    ----------
    service
        What to run.
    settings
        Of the service.
    platform
        What this process is built on.
    library
        Where jobs are claimed.
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
        self._unprepared = "The engine is being loaded."
        self._wakeup = asyncio.Event()
        self._wakeup.set()
        self._stopping = asyncio.Event()
        self._force_stop = asyncio.Event()
        self._asking = False
        self._device_failures = 0
        self._free: asyncio.Queue[Slot] = asyncio.Queue()
        self._slots: list[Slot] = []
        self._warming: dict[Slot, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._long = 0
        """Jobs that run and were expected to take long."""

    @property
    def device_works(self) -> bool:
        """Whether the device did not fail again and again; if it did, a restart may mend it."""
        return self._device_failures < DEVICE_FAILURES

    @property
    def problem(self) -> str:
        """Why the worker is not ready; empty when it is."""
        if self._unprepared:
            return self._unprepared
        if not self.device_works:
            return (
                f"The device failed {DEVICE_FAILURES} times in a row. It is tried again after "
                f"{DEVICE_REST:.0f} s; if it goes on failing, check the device and its driver."
            )
        return self._slots[0].problem if all(slot.problem for slot in self._slots) else ""

    @property
    def ready(self) -> bool:
        """Whether it claims jobs."""
        return not self.problem and not self._stopping.is_set()

    def force_stop(self) -> None:
        """Release running jobs now instead of finishing them (the second signal)."""
        self._force_stop.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then finish what fits the grace and release the rest."""
        bind({"task": self.service.word})
        scratch = scratch_folder(self.platform.settings.scratch_dir, self.service.word)
        self._slots = [
            Slot(self.service, scratch / f"slot{number}")
            for number in range(max(1, self.settings.slots))
        ]
        SLOTS.labels(self.service.word).set(len(self._slots))
        listening = asyncio.create_task(self._listen())
        claiming = asyncio.create_task(self._claim())
        try:
            await stopping.wait()
        finally:
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
        """End the claims; one that is being answered is waited for, so that no job is orphaned."""
        self._wakeup.set()
        if self._asking:
            await asyncio.wait({claiming}, timeout=CLAIM_WITHIN)
        warming = tuple(self._warming.values())
        for task in (claiming, *warming):
            task.cancel()
        await asyncio.gather(claiming, *warming, return_exceptions=True)

    async def _listen(self) -> None:
        """Turn news of this kind of work into a wake-up; never await a job."""
        topic = commands(self.service.word)
        while True:
            try:
                async for _ in self.platform.bus.tail(topic):
                    self._wakeup.set()
            except Exception:
                log.warning("the bus gives no news; work is found by asking", exc_info=True)
            await self.platform.clock.sleep(1.0)

    async def _claim(self) -> None:
        """Claim jobs for the free slots; never await one."""
        await self._prepare()
        for slot in self._slots:
            self._free.put_nowait(slot)
        while not self._stopping.is_set():
            warm = await self._warm_slots()
            if not self.device_works:
                await self._rest_device()
            self._wakeup.clear()  # Before asking, so that news which comes meanwhile is kept.
            claims = await self._ask(len(warm))
            for slot, claim in zip(warm, claims, strict=False):
                JOBS_RUNNING.labels(self.service.word).inc()
                self._long += claim.long
                task = asyncio.create_task(self._work(slot, claim))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            for slot in warm[len(claims) :]:
                self._free.put_nowait(slot)
            if len(claims) < len(warm):
                await self._wait_for_wakeup()

    async def _warm_slots(self) -> list[Slot]:
        """Return the free slots whose engines are warm, as soon as there is one.

        A slot that is not warm is warmed beside this, so that one whose engine cannot be loaded
        keeps no other waiting.
        """
        warm: list[Slot] = []
        while not warm or (not self._free.empty() and len(warm) < MAX_CLAIMS):
            slot = await self._free.get()
            if slot.is_warm:
                warm.append(slot)
            else:
                self._warming[slot] = asyncio.create_task(self._warm_again(slot))
        return warm

    async def _warm_again(self, slot: Slot) -> None:
        """Load a slot's engine again, as often as it takes, then free the slot."""
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

    async def _rest_device(self) -> None:
        """Take no work for a while after a device failed again and again.

        Meanwhile `/healthz` fails, so that whoever watches this worker may start it again, on
        another device perhaps. Where nobody watches, the worker mends itself if the device does.
        """
        log.error("%s is not ready: %s", self.service.word, self.problem)
        await self.platform.clock.sleep(DEVICE_REST)
        self._device_failures = DEVICE_FAILURES - 1

    async def _prepare(self) -> None:
        """Wait until the weights are verified and every slot's engine is warm."""
        while True:
            try:
                setup, fingerprint = await asyncio.to_thread(self._setup)
                for slot in self._slots:
                    slot.setup = setup
                    await slot.warm()
            except (MissingWeights, LoadFailed) as error:
                self._unprepared = str(error)
                log.error("%s is not ready: %s", self.service.word, error)
                await self.platform.clock.sleep(RETRY_LOAD)
                continue
            self.producer = self._producer_of(self._slots[0].engine, setup, fingerprint)
            self._unprepared = ""
            log.info("%s is ready: %s on %s", self.service.word, self.producer.engine, setup.device)
            return

    async def _ask(self, max_jobs: int) -> tuple[Claim, ...]:
        """Ask once for work; nothing also where the library cannot be asked."""
        request = ClaimRequest(
            task=self.service.word,
            worker=self.worker,
            producer=cast(Producer, self.producer),
            max_jobs=max_jobs,
            max_long_jobs=min(max_jobs, max(0, self.settings.long_slots - self._long)),
        )
        self._asking = True
        try:
            return await self.library.claim(request)
        except LibraryUnavailable as error:
            log.warning("no work can be claimed: %s", error)
            return ()
        finally:
            self._asking = False

    async def _wait_for_wakeup(self) -> None:
        """Wait until work may be there that was not before."""
        poll = self.platform.settings.poll
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(poll * random.uniform(0.8, 1.2)):
                await self._wakeup.wait()
                # Idle workers do not all ask at once.
                await asyncio.sleep(random.uniform(0, 0.05))

    async def _work(self, slot: Slot, claim: Claim) -> None:
        """Run one job to its outcome, then free the slot."""
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
            ending = await attempt.run()
        except Exception:
            # The lease runs out and the job is handed to another worker.
            log.exception("the attempt broke; its lease will run out")
            await slot.close()
            ending = AttemptOutcome.BROKEN
        finally:
            JOBS_RUNNING.labels(self.service.word).dec()
            if claim.long:
                self._long -= 1
                # A slot may be free already, and wait for work that was too long for it until now.
                self._wakeup.set()
        failed = ending is AttemptOutcome.DEVICE
        self._device_failures = self._device_failures + 1 if failed else 0
        self._free.put_nowait(slot)

    def _setup(self) -> tuple[EngineSetup, str]:
        """Verify the weights and decide how engines are loaded."""
        manifest = (
            read_manifest(self.service.weights)
            if self.service.weights
            else WeightsManifest(word=self.service.word, weights=())
        )
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
    """Make a private scratch folder, and remove those that dead processes left behind."""
    base = root or Path(tempfile.gettempdir())
    base.mkdir(parents=True, exist_ok=True)
    for left in base.glob(f"cratedig-{word}-*-*"):
        pid = left.name.split("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"cratedig-{word}-{os.getpid()}-", dir=base))
