"""One attempt at one job: heartbeats beside the work, and every way it can end."""

import asyncio
import contextlib
import logging
import shutil
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from contracts.envelope import Event, dataschema
from contracts.ids import EventId, WorkerId
from contracts.jobs import (
    Claim,
    FailureKind,
    Heartbeat,
    JobCompleted,
    JobFailed,
    JobReleased,
    JobSkipped,
    LeaseStatus,
    Producer,
    Progress,
    Reason,
    ReasonCode,
)
from contracts.objects import Bucket, previews_prefix
from contracts.topics import JOBS_EVENTS
from kit.bus.base import BusError
from kit.clock import new_id
from kit.objects.base import ObjectError, StoreFull
from kit.observability.metrics import JOB_DURATION
from kit.observability.tracing import continue_trace
from kit.platform import ServicePlatform
from kit.worker.child_protocol import ChildResult, Finished, Previewed, ProgressMade, Work
from kit.worker.compute import ChildDied, LoadFailed
from kit.worker.files import InputLost, fetch_inputs, store_manifest, store_outputs
from kit.worker.library_client import LibraryClient, LibraryUnavailable
from kit.worker.slot import Slot

log = logging.getLogger(__name__)

KILL_GRACE = 10.0
"""Seconds a child has between being asked and being made to stop when its time is up (R19)."""
SHOW_EVERY = 0.5
"""Seconds between two heartbeats that are sent early because progress is worth showing."""
SEGMENTS = (1.0, 0.5, 0.25)
"""Scales of an engine's segment that are tried in turn when memory runs out (R20)."""


class AttemptOutcome(StrEnum):
    """How an attempt ended, for the runtime."""

    SAID = "said"
    """The outcome was told to the library."""
    LOST = "lost"
    RELEASED = "released"
    DEVICE = "device"
    """The device failed."""
    BROKEN = "broken"


class _Stop(Exception):
    """The work must stop; nothing more is uploaded."""

    def __init__(self, status: LeaseStatus | None) -> None:
        super().__init__(status)
        self.status = status


class Attempt:
    """Runs one claimed job in a slot."""

    def __init__(
        self,
        claim: Claim,
        *,
        slot: Slot,
        library: LibraryClient,
        platform: ServicePlatform,
        worker: WorkerId,
        producer: Producer,
        stopping: asyncio.Event,
        force_stop: asyncio.Event,
    ) -> None:
        self._claim = claim
        self._slot = slot
        self._library = library
        self._platform = platform
        self._worker = worker
        self._producer = producer
        self._stopping = stopping
        self._force_stop = force_stop
        self._progress = Progress()
        self._moved = asyncio.Event()
        self._began = self._platform.clock.monotonic()
        self._scratch = slot.folder / "job"

    async def run(self) -> AttemptOutcome:
        """Do the work, tell the library how it ended, and leave nothing behind."""
        continue_trace(self._claim.traceparent)
        work = asyncio.create_task(self._whole())
        watch = asyncio.create_task(self._watch())
        outcome = "broken"
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                ending, outcome = work.result()
                return ending
            await _cancelled(work)
            await self._slot.close()
            status = self._stop_reason(watch)
            outcome = "lost" if status is LeaseStatus.LOST else "released"
            if status is LeaseStatus.LOST:
                log.warning("the job is not ours any more; its work was dropped")
                return AttemptOutcome.LOST
            log.info("the job was given back")
            await self._say("job.released", JobReleased(**self._fence()))
            return AttemptOutcome.RELEASED
        finally:
            await _cancelled(watch)
            await _cancelled(work)
            took = self._platform.clock.monotonic() - self._began
            JOB_DURATION.labels(self._claim.task, outcome).observe(took)
            await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)

    @staticmethod
    def _stop_reason(watch: "asyncio.Task[None]") -> LeaseStatus | None:
        error = watch.exception()
        if isinstance(error, _Stop):
            return error.status
        if error is not None:
            raise error
        return None

    # What watches: heartbeats, cancellation, drain.

    async def _watch(self) -> None:
        """Beat until the job must stop; raise why."""
        beats = asyncio.create_task(self._beat())
        drain = asyncio.create_task(self._drained())
        try:
            await asyncio.wait({beats, drain}, return_when=asyncio.FIRST_COMPLETED)
            for task in (beats, drain):
                if task.done():
                    task.result()
        finally:
            await _cancelled(beats)
            await _cancelled(drain)

    async def _beat(self) -> None:
        settings = self._platform.settings
        while True:
            # The claim was the first beat, and most short jobs need no other.
            await asyncio.sleep(min(SHOW_EVERY, settings.heartbeat))
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, settings.heartbeat - SHOW_EVERY)):
                    await self._moved.wait()
            beat = Heartbeat(worker=self._worker, epoch=self._claim.epoch, progress=self._progress)
            try:
                status = await self._library.heartbeat(self._claim.job, beat)
            except LibraryUnavailable as error:
                # Nobody can expire the lease while the library is away, so the work goes on.
                log.warning("no heartbeat: %s", error)
            else:
                if status is not LeaseStatus.HELD:
                    raise _Stop(status)

    async def _drained(self) -> None:
        """Return when the job must be given back because this worker stops."""
        await self._stopping.wait()
        grace = self._platform.settings.grace
        fraction = self._progress.fraction
        elapsed = self._platform.clock.monotonic() - self._began
        left = elapsed / fraction - elapsed if fraction > 0 else 0.0
        fits = fraction == 0 or left < grace
        if fits:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, grace - 3.0)):
                    await self._force_stop.wait()
        raise _Stop(None)

    # What works.

    async def _whole(self) -> tuple[AttemptOutcome, str]:
        """Do the work and say the outcome; return it also as a metric's label."""
        claim = self._claim
        if self._scratch.exists():
            await asyncio.to_thread(shutil.rmtree, self._scratch)
        for folder in ("files", "inputs"):
            (self._scratch / folder).mkdir(parents=True)
        try:
            inputs = await fetch_inputs(self._platform.objects, claim, self._scratch / "inputs")
            work = Work(
                job=claim.job,
                subject=claim.subject,
                item=claim.item,
                inputs=inputs,
                params=claim.params,
                scratch=self._scratch / "files",
            )
            left = claim.start_to_close_timeout - (self._platform.clock.monotonic() - self._began)
            async with asyncio.timeout(max(1.0, left)):
                said = await self._compute(work)
            if isinstance(said, Finished):
                files = await store_outputs(self._platform.objects, claim, said.outputs)
                key, digest, manifest = await store_manifest(
                    self._platform.objects,
                    claim,
                    producer=self._producer,
                    result=said.result,
                    files=files,
                )
                completed = JobCompleted(
                    **self._fence(), manifest_key=key, manifest_sha256=digest, manifest=manifest
                )
                await self._say("job.completed", completed)
                return AttemptOutcome.SAID, "completed"
        except TimeoutError:
            return await self._timed_out()
        except LoadFailed as error:
            return await self._failed(
                FailureKind.RETRYABLE,
                ReasonCode.INTERNAL,
                "The engine could not be loaded.",
                detail=str(error),
            )
        except InputLost as error:
            return await self._failed(
                FailureKind.REJECTED,
                error.reason.code,
                error.reason.message,
                detail=error.detail,
            )
        except StoreFull as error:
            return await self._failed(
                FailureKind.RETRYABLE,
                ReasonCode.STORE_FULL,
                "There is no room left where the files of jobs are kept.",
                detail=str(error),
            )
        except ObjectError as error:
            return await self._failed(
                FailureKind.RETRYABLE,
                ReasonCode.INTERNAL,
                "A file of this job could not be read or stored.",
                detail=str(error),
            )
        return await self._ended(said)

    async def _compute(self, work: Work) -> Finished | ChildResult | ChildDied:
        """Run the job in the slot's child; with less and less when memory runs out (R20)."""
        usual = self._slot.setup
        if usual is None:
            raise LoadFailed("the slot was not set up")
        tries = [replace(usual, segment=segment) for segment in SEGMENTS]
        if usual.device != "cpu":
            tries.append(replace(usual, device="cpu", fallback=True))
        said: Finished | ChildResult | ChildDied | None = None
        for setup in tries:
            child = await self._slot.warm(setup)
            async for message in child.run(work):
                match message:
                    case ProgressMade(fraction=fraction, message=text):
                        self._show(Progress(fraction=fraction, message=text[:200]))
                    case Previewed(path=path):
                        await self._preview(path)
                    case Finished() | ChildResult() | ChildDied():
                        said = message
            if not (isinstance(said, ChildResult) and said.outcome == "memory"):
                break
            log.warning("out of memory at segment %s on %s", setup.segment, setup.device)
            # Recovery inside a process that ran out of memory is not dependable.
            await self._slot.close()
            # The next try begins anew, and so does what can be heard of it.
            self._progress = Progress()
        if said is None:
            raise LoadFailed("the child said nothing")
        return said

    def _show(self, progress: Progress) -> None:
        self._progress = progress.model_copy(update={"previews": self._progress.previews})
        self._moved.set()

    async def _preview(self, path: Path) -> None:
        claim = self._claim
        prefix = previews_prefix(claim.owner, claim.subject, claim.task, claim.job, claim.epoch)
        with contextlib.suppress(ObjectError):
            await self._platform.objects.put_file(
                Bucket.DERIVED, f"{prefix}{path.name}", path, media_type="audio/flac"
            )
            previews = (*self._progress.previews, path.name)
            self._progress = self._progress.model_copy(update={"previews": previews})
            self._moved.set()

    # What is said of it.

    async def _timed_out(self) -> tuple[AttemptOutcome, str]:
        if self._slot.child is not None:
            await self._slot.child.kill(grace=KILL_GRACE)
        await self._slot.close()
        return await self._failed(
            FailureKind.TIMEOUT,
            ReasonCode.TIMEOUT,
            f"The work was not done within {self._claim.start_to_close_timeout:.0f} s, the limit "
            "for audio of this length.",
        )

    async def _ended(self, said: ChildResult | ChildDied) -> tuple[AttemptOutcome, str]:
        if isinstance(said, ChildDied):
            await self._slot.close()
            return await self._failed(
                FailureKind.CRASH,
                ReasonCode.CRASH,
                "The program that worked on this audio broke down.",
                detail=f"{said.cause}\n{said.log}",
            )
        reason = Reason(code=said.reason, message=said.message[:2000])
        match said.outcome:
            case "skipped":
                skipped = JobSkipped(**self._fence(), producer=self._producer, reason=reason)
                await self._say("job.skipped", skipped)
                return AttemptOutcome.SAID, "skipped"
            case "rejected":
                kind = FailureKind.REJECTED
            case "internal":
                log.error("the handler failed: %s", said.detail)
                kind = FailureKind.INTERNAL
            case "device":
                await self._slot.close()
                await self._failed(FailureKind.RETRYABLE, said.reason, said.message, said.detail)
                return AttemptOutcome.DEVICE, "device"
            case "retryable" | "memory":
                kind = FailureKind.RETRYABLE
        return await self._failed(kind, said.reason, said.message, said.detail)

    async def _failed(
        self, kind: FailureKind, code: str, message: str, detail: str = ""
    ) -> tuple[AttemptOutcome, str]:
        reason = Reason(code=code, message=message[:2000])
        log.warning("the attempt failed: %s: %s", kind, message)
        failed = JobFailed(**self._fence(), kind=kind, reason=reason, detail=detail[-8000:])
        await self._say("job.failed", failed)
        return AttemptOutcome.SAID, str(kind)

    def _fence(self) -> dict[str, Any]:
        """Return what every event of this attempt carries."""
        return {
            "job": self._claim.job,
            "epoch": self._claim.epoch,
            "worker": self._worker,
        }

    async def _say(self, type_: str, data: BaseModel) -> None:
        """Publish until the bus has it; meanwhile the heartbeats go on."""
        event: Event[Any] = Event(
            id=EventId(new_id()),
            type=type_,
            source=f"/{self._claim.task}",
            subject=self._claim.job,
            time=self._platform.clock.now(),
            dataschema=dataschema(type_),
            traceparent=self._claim.traceparent,
            owner=self._claim.owner,
            data=data,
        )
        pause = 0.2
        while True:
            try:
                return await self._platform.bus.publish(
                    JOBS_EVENTS, event, key=str(self._claim.job)
                )
            except BusError as error:
                if self._force_stop.is_set():
                    raise
                log.warning("%s is not published yet: %s", type_, error)
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)


async def _cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it is over, whatever it raises."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # Taken note of, so that the loop does not report it as forgotten.
