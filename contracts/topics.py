"""Every topic of the system on one screen."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel

from contracts import events, jobs
from contracts.jobs import TaskName


class ReadMode(StrEnum):
    """How a topic is read."""

    TAIL = "tail"
    """Read without a group, from the end: each reader sees all of it."""
    WORK = "work"
    """Read by a group: each record is handled once by each group."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its name, the events it carries by type, and how it is kept."""

    name: str
    events: dict[str, type[BaseModel]]
    reading: ReadMode
    partitions: int
    retention_ms: int
    min_insync: int = 2


_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000

JOBS_EVENTS = Topic(
    "jobs.events",
    {
        "job.completed": jobs.JobCompleted,
        "job.skipped": jobs.JobSkipped,
        "job.failed": jobs.JobFailed,
        "job.released": jobs.JobReleased,
    },
    ReadMode.WORK,
    partitions=12,
    retention_ms=14 * _DAY,
)
"""What workers say of jobs; keyed by job, read by the library only."""

LIBRARY_EVENTS = Topic(
    "library.events",
    {
        "item.added": events.ItemAdded,
        "item.changed": events.ItemChanged,
        "item.deleted": events.ItemDeleted,
        "artifact.added": events.ArtifactAdded,
        "job.queued": events.JobQueued,
        "job.running": events.JobRunning,
        "job.succeeded": events.JobFinished,
        "job.skipped": events.JobFinished,
        "job.failed": events.JobFinished,
        "job.cancelled": events.JobFinished,
        "run.finished": events.RunFinished,
    },
    ReadMode.WORK,
    partitions=12,
    retention_ms=30 * _DAY,
)
"""What the library has applied; keyed by the subject's id; for subscribers and live streams."""

JOBS_PROGRESS = Topic(
    "jobs.progress",
    {"job.progressed": jobs.JobProgressed},
    ReadMode.TAIL,
    partitions=3,
    retention_ms=10 * _MINUTE,
    min_insync=1,
)
"""Progress of running jobs, for live streams; losing some is harmless."""

DEAD_LETTERS = Topic(
    "dead.letters",
    {"job.quarantined": jobs.JobQuarantined},
    ReadMode.WORK,
    partitions=3,
    retention_ms=30 * _DAY,
)
"""For operators: files in quarantine, and records that no reader could use, with the reason."""


def commands(task: TaskName) -> Topic:
    """Return the topic that tells a task's workers that work waits."""
    return Topic(
        f"{task}.commands",
        {f"{task}.requested": jobs.JobRequested},
        ReadMode.TAIL,
        partitions=6,
        retention_ms=_HOUR,
    )


TOPICS: tuple[Topic, ...] = (
    *(commands(task) for task in TaskName),
    JOBS_EVENTS,
    LIBRARY_EVENTS,
    JOBS_PROGRESS,
    DEAD_LETTERS,
)
