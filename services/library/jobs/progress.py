"""Progress of running jobs, for live streams: as heartbeats bring it, at most twice a second."""

import asyncio
import logging

from contracts.envelope import Event, dataschema
from contracts.ids import EventId, JobId, OwnerId, RunId
from contracts.jobs import JobProgressed, Progress, TaskName
from contracts.topics import JOBS_PROGRESS
from kit.bus.base import Bus, BusError
from kit.clock import Clock, new_id
from services.library.background import until
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import JobRow

log = logging.getLogger(__name__)

EVERY = 0.5
"""Seconds between two events of one job."""


class ProgressFeed:
    """Gathers the latest progress of each job and publishes it; losing some is harmless."""

    def __init__(self, bus: Bus, *, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._latest: dict[str, JobProgressed] = {}
        self._shown: dict[str, JobProgressed] = {}
        self._some = asyncio.Event()

    def show(self, row: JobRow) -> None:
        """Take note of a job's progress as its row has it."""
        moved = JobProgressed(
            job=JobId(row.id),
            subject=subject_of(row),
            owner=OwnerId(row.owner),
            run=RunId(row.run) if row.run else None,
            task=TaskName(row.task),
            progress=Progress.model_validate(row.progress),
        )
        if moved != self._shown.get(row.id):
            self._latest[row.id] = moved
            self._some.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping` is set."""
        await until(stopping, self._publish())

    async def _publish(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            self._shown, self._latest = self._latest, {}
            for moved in self._shown.values():
                try:
                    await self._bus.publish(JOBS_PROGRESS, self._event(moved), key=moved.job)
                except BusError as error:
                    log.debug("progress was not shown: %s", error)
                    break
            await self._clock.sleep(EVERY)

    def _event(self, moved: JobProgressed) -> Event[JobProgressed]:
        return Event(
            id=EventId(new_id()),
            type="job.progressed",
            source="/library",
            subject=moved.job,
            time=self._clock.now(),
            dataschema=dataschema("job.progressed"),
            owner=moved.owner,
            data=moved,
        )
