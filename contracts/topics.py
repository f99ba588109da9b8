"""The topics of the event bus, the events that each carries, and their retention."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel

from contracts import events, jobs
from contracts.jobs import TaskName


class ReadMode(StrEnum):
    """How consumers read a topic."""

    TAIL = "tail"
    """Without a consumer group, from the end: each reader sees every event."""
    WORK = "work"
    """By consumer groups: each group handles each record once."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its name, its events by type, and its retention."""

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
"""Outcomes of attempts, from workers to the library; keyed by job."""

LIBRARY_EVENTS = Topic(
    "library.events",
    {
        "item.added": events.ItemAdded,
        "item.changed": events.ItemChanged,
        "item.corrected": events.ItemCorrected,
        "item.deleted": events.ItemDeleted,
        "item.hidden": events.ItemHidden,
        "item.restored": events.ItemRestored,
        "collection.changed": events.CollectionChanged,
        "tag.proposed": events.TagProposed,
        "recommendations.updated": events.RecommendationsUpdated,
        "search.matched": events.SearchMatched,
        "import.changed": events.ImportChanged,
        "map.changed": events.MapChanged,
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
"""Changes that the library applied, for subscribers and live streams; keyed by subject id."""

JOBS_PROGRESS = Topic(
    "jobs.progress",
    {"job.progressed": jobs.JobProgressed},
    ReadMode.TAIL,
    partitions=3,
    retention_ms=10 * _MINUTE,
    min_insync=1,
)
"""Progress of running jobs, for live streams; a lost event does no harm."""

DEAD_LETTERS = Topic(
    "dead.letters",
    {"job.quarantined": jobs.JobQuarantined},
    ReadMode.WORK,
    partitions=3,
    retention_ms=30 * _DAY,
)
"""Quarantined files, and records that no consumer could read or handle, for operators."""


def commands(task: TaskName) -> Topic:
    """Return the topic that wakes a task's workers when a job is queued."""
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
