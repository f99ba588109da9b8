"""One attempt at one job: the work, the heartbeats that keep its lease, and every outcome.

Two tasks run side by side. `_execute` fetches the inputs, runs the job in the slot's child process,
stores the outputs and publishes the outcome. `_watch` extends the lease with heartbeats and ends
with an exception if the work must stop: the library no longer holds the lease for this worker, or
the worker shuts down. The first of the two that ends decides the outcome.

Correctness does not depend on who is faster. Every event carries the epoch of the claim, and the
library ignores events of an older epoch or of a job that has already ended.
"""

import asyncio
import contextlib
import logging
import shutil
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from opentelemetry.trace import SpanKind
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
from kit.observability.tracing import continue_trace, current_traceparent, span
from kit.platform import ServicePlatform
from kit.worker.child_protocol import ChildResult, Finished, Previewed, ProgressMade, Work
from kit.worker.compute import ChildDied, LoadFailed
from kit.worker.files import InputLost, fetch_inputs, store_manifest, store_outputs
from kit.worker.library_client import LibraryClient, LibraryUnavailable
from kit.worker.slot import Slot

log = logging.getLogger(__name__)

KILL_GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL for a child whose job has timed out (R19)."""
PROGRESS_EVERY = 0.5
"""Minimum seconds between two heartbeats that are sent early to report progress."""
RELEASE_TIME = 3.0
"""Seconds of the grace period kept for killing the child and releasing the job."""
SEGMENTS = (1.0, 0.5, 0.25)
"""Scales of the engine's segment, tried in turn when a child runs out of memory (R20)."""


class AttemptOutcome(StrEnum):
    """How an attempt ended, for the runtime."""

    REPORTED = "reported"
    """The attempt published an outcome: completed, skipped or failed."""
    LOST = "lost"
    """The lease was lost, so nothing was published."""
    RELEASED = "released"
    """The job went back to the queue, cancelled or because the worker shuts down."""
    DEVICE_FAILED = "device_failed"
    """The attempt published a failure whose cause is the device, not the job."""
    BROKEN = "broken"
    """The attempt raised; the library requeues the job when its lease expires."""


class _Stop(Exception):
    """The work must stop; `status` is the lease's, or `None` when the worker shuts down."""

    def __init__(self, status: LeaseStatus | None) -> None:
        super().__init__(status)
        self.status = status


class Attempt:
    """Runs one claimed job in a slot; used once."""

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
        self._progressed = asyncio.Event()
        """Set when there is progress that no heartbeat has reported."""
        self._began = self._platform.clock.monotonic()
        self._scratch = slot.folder / "job"

    async def run(self) -> AttemptOutcome:
        """Run the job, publish its outcome and remove its files; faults of the worker raise."""
        with continue_trace(
            self._claim.traceparent,
            f"run {self._claim.task}",
            kind=SpanKind.CONSUMER,
            attributes={"cratedig.job": self._claim.job, "cratedig.attempt": self._claim.epoch},
        ) as traced:
            outcome = await self._run()
            traced.set_attribute("cratedig.outcome", outcome.value)
            return outcome

    async def _run(self) -> AttemptOutcome:
        work = asyncio.create_task(self._execute())
        watch = asyncio.create_task(self._watch())
        outcome = "broken"
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                attempt_outcome, outcome = work.result()
                return attempt_outcome
            # Stop the work before anything is published, so that nothing more is uploaded. The
            # handler runs in the child, which no cancellation reaches: only killing it stops it.
            await _cancel(work)
            await self._slot.close()
            status = self._stop_reason(watch)
            outcome = "lost" if status is LeaseStatus.LOST else "released"
            if status is LeaseStatus.LOST:
                log.warning("the lease is lost; the work is dropped")
                return AttemptOutcome.LOST
            log.info("the job is released")
            await self._publish("job.released", JobReleased(**self._fence()))
            return AttemptOutcome.RELEASED
        finally:
            await _cancel(watch)
            await _cancel(work)
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

    # Lease and shutdown

    async def _watch(self) -> None:
        """Keep the lease until the job must stop, then raise `_Stop`."""
        beats = asyncio.create_task(self._send_heartbeats())
        drain = asyncio.create_task(self._await_drain())
        try:
            await asyncio.wait({beats, drain}, return_when=asyncio.FIRST_COMPLETED)
            for task in (beats, drain):
                if task.done():
                    task.result()
        finally:
            await _cancel(beats)
            await _cancel(drain)

    async def _send_heartbeats(self) -> None:
        """Send a heartbeat every `heartbeat` seconds, earlier if there is progress to report.

        Raises `_Stop` when the library answers that the job is cancelled or the lease is lost.
        """
        settings = self._platform.settings
        while True:
            # Sleep first: the claim itself began the lease, and most short jobs need no heartbeat.
            await asyncio.sleep(min(PROGRESS_EVERY, settings.heartbeat))
            self._progressed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, settings.heartbeat - PROGRESS_EVERY)):
                    await self._progressed.wait()
            beat = Heartbeat(worker=self._worker, epoch=self._claim.epoch, progress=self._progress)
            try:
                status = await self._library.heartbeat(self._claim.job, beat)
            except LibraryUnavailable as error:
                # Only the library expires leases, and after an outage it waits one whole lease
                # before it does, so go on working and try again.
                log.warning("a heartbeat failed: %s", error)
            else:
                if status is not LeaseStatus.HELD:
                    raise _Stop(status)

    async def _await_drain(self) -> None:
        """Wait until the worker shuts down and the job must be released, then raise `_Stop`.

        A job that is expected to finish within the grace period gets the time; any other is
        released at once, so that another worker starts it sooner.
        """
        await self._stopping.wait()
        grace = self._platform.settings.grace
        fraction = self._progress.fraction
        elapsed = self._platform.clock.monotonic() - self._began
        # Extrapolate the progress so far. Without any there is no estimate: assume that it fits.
        left = elapsed / fraction - elapsed if fraction > 0 else 0.0
        if left < grace:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, grace - RELEASE_TIME)):
                    await self._force_stop.wait()
        raise _Stop(None)

    # Work

    async def _execute(self) -> tuple[AttemptOutcome, str]:
        """Run the job and publish the outcome; return it with its label for `JOB_DURATION`."""
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
                export=claim.export,
                cuts=claim.cuts,
                inputs=inputs,
                params=claim.params,
                scratch=self._scratch / "files",
            )
            # The timeout counts from the claim, so the time for fetching inputs is part of it.
            left = claim.start_to_close_timeout - (self._platform.clock.monotonic() - self._began)
            async with asyncio.timeout(max(1.0, left)):
                ended = await self._compute(work)
            if isinstance(ended, Finished):
                # The manifest goes last: an attempt whose manifest is missing does not count, so
                # a crash in here leaves only unreferenced files, which the library removes.
                files = await store_outputs(self._platform.objects, claim, ended.outputs)
                key, digest, manifest = await store_manifest(
                    self._platform.objects,
                    claim,
                    producer=self._producer,
                    result=ended.result,
                    files=files,
                )
                completed = JobCompleted(
                    **self._fence(), manifest_key=key, manifest_sha256=digest, manifest=manifest
                )
                await self._publish("job.completed", completed)
                return AttemptOutcome.REPORTED, "completed"
        except TimeoutError:
            return await self._report_timeout()
        except LoadFailed as error:
            return await self._report_failure(
                FailureKind.RETRYABLE,
                ReasonCode.INTERNAL,
                "The engine could not be loaded.",
                detail=str(error),
            )
        except InputLost as error:
            return await self._report_failure(
                FailureKind.REJECTED,
                error.reason.code,
                error.reason.message,
                detail=error.detail,
            )
        except StoreFull as error:
            return await self._report_failure(
                FailureKind.RETRYABLE,
                ReasonCode.STORE_FULL,
                "The storage of this server is full. Its operator must free space.",
                detail=str(error),
            )
        except ObjectError as error:
            return await self._report_failure(
                FailureKind.RETRYABLE,
                ReasonCode.INTERNAL,
                "A file of this job could not be read or stored.",
                detail=str(error),
            )
        return await self._report(ended)

    async def _compute(self, work: Work) -> Finished | ChildResult | ChildDied:
        """Run the job in the slot's child; retry with smaller segments if memory runs out (R20)."""
        usual = self._slot.setup
        if usual is None:
            raise LoadFailed("the slot was not set up")
        tries = [replace(usual, segment=segment) for segment in SEGMENTS]
        if usual.device != "cpu":
            tries.append(replace(usual, device="cpu", fallback=True))
        ended: Finished | ChildResult | ChildDied | None = None
        for setup in tries:
            child = await self._slot.warm(setup)
            async for message in child.run(work):
                match message:
                    case ProgressMade(fraction=fraction, message=text):
                        self._set_progress(Progress(fraction=fraction, message=text[:200]))
                    case Previewed(path=path):
                        await self._preview(path)
                    case Finished() | ChildResult() | ChildDied():
                        ended = message
            if not (isinstance(ended, ChildResult) and ended.outcome == "memory"):
                break
            log.warning("out of memory at segment %s on %s", setup.segment, setup.device)
            # Start a new process: one that ran out of memory may never get all of it back.
            await self._slot.close()
            # The next try starts from the beginning, and so do its progress and its previews.
            self._progress = Progress()
        if ended is None:
            raise LoadFailed("the child sent no result")
        return ended

    def _set_progress(self, progress: Progress) -> None:
        self._progress = progress.model_copy(update={"previews": self._progress.previews})
        self._progressed.set()

    async def _preview(self, path: Path) -> None:
        claim = self._claim
        prefix = previews_prefix(claim.owner, claim.subject, claim.task, claim.job, claim.epoch)
        # Previews are optional: if one cannot be stored, the job goes on without it.
        with contextlib.suppress(ObjectError):
            await self._platform.objects.put_file(
                Bucket.DERIVED, f"{prefix}{path.name}", path, media_type="audio/flac"
            )
            previews = (*self._progress.previews, path.name)
            self._progress = self._progress.model_copy(update={"previews": previews})
            self._progressed.set()

    # Outcome

    async def _report_timeout(self) -> tuple[AttemptOutcome, str]:
        if self._slot.child is not None:
            await self._slot.child.kill(grace=KILL_GRACE)
        await self._slot.close()
        return await self._report_failure(
            FailureKind.TIMEOUT,
            ReasonCode.TIMEOUT,
            f"The job did not finish within {self._claim.start_to_close_timeout:.0f} s, the limit "
            "for audio of this length.",
        )

    async def _report(self, ended: ChildResult | ChildDied) -> tuple[AttemptOutcome, str]:
        if isinstance(ended, ChildDied):
            await self._slot.close()
            return await self._report_failure(
                FailureKind.CRASH,
                ReasonCode.CRASH,
                "The process that worked on this audio crashed.",
                detail=f"{ended.cause}\n{ended.log}",
            )
        reason = Reason(code=ended.reason, message=ended.message[:2000])
        match ended.outcome:
            case "skipped":
                skipped = JobSkipped(**self._fence(), producer=self._producer, reason=reason)
                await self._publish("job.skipped", skipped)
                return AttemptOutcome.REPORTED, "skipped"
            case "rejected":
                kind = FailureKind.REJECTED
            case "internal":
                log.error("the handler failed: %s", ended.detail)
                kind = FailureKind.INTERNAL
            case "device":
                await self._slot.close()
                await self._report_failure(
                    FailureKind.RETRYABLE, ended.reason, ended.message, ended.detail
                )
                return AttemptOutcome.DEVICE_FAILED, "device"
            case "retryable" | "memory":
                kind = FailureKind.RETRYABLE
        return await self._report_failure(kind, ended.reason, ended.message, ended.detail)

    async def _report_failure(
        self, kind: FailureKind, code: str, message: str, detail: str = ""
    ) -> tuple[AttemptOutcome, str]:
        reason = Reason(code=code, message=message[:2000])
        log.warning("the attempt failed: %s: %s", kind, message)
        failed = JobFailed(**self._fence(), kind=kind, reason=reason, detail=detail[-8000:])
        await self._publish("job.failed", failed)
        return AttemptOutcome.REPORTED, str(kind)

    def _fence(self) -> dict[str, Any]:
        """Return the fields by which the library tells this attempt from earlier and later ones."""
        return {
            "job": self._claim.job,
            "epoch": self._claim.epoch,
            "worker": self._worker,
        }

    async def _publish(self, type_: str, data: BaseModel) -> None:
        """Publish an event, retrying until the bus acknowledges it.

        Heartbeats go on meanwhile, so an outage of the bus costs no lease. Retries use the same
        event id, so the library drops duplicates. Raises `BusError` only after a forced stop.
        """
        event: Event[Any] = Event(
            id=EventId(new_id()),
            type=type_,
            source=f"/{self._claim.task}",
            subject=self._claim.job,
            time=self._platform.clock.now(),
            dataschema=dataschema(type_),
            traceparent=current_traceparent(),
            owner=self._claim.owner,
            data=data,
        )
        pause = 0.2
        while True:
            try:
                with span(f"publish {type_}", kind=SpanKind.PRODUCER):
                    return await self._platform.bus.publish(
                        JOBS_EVENTS, event, key=str(self._claim.job)
                    )
            except BusError as error:
                if self._force_stop.is_set():
                    raise
                log.warning("%s is not published, trying again: %s", type_, error)
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)


async def _cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task, wait until it has ended, and ignore what it raised."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # Retrieved, or the event loop would log it as never retrieved.
