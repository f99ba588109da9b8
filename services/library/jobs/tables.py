"""Rows of jobs, of what workers offer, and of objects to be removed."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Index,
    false,
    literal_column,
    text,
)
from sqlmodel import Field, col

from contracts.jobs import JobState
from kit.database.base import Json, Utc
from services.library.metadata import Table, item_of_subject


class JobRow(Table, table=True):
    """A job: the only truth about what was asked and how it ended."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_page", "owner", "created", "id"),
        Index("ix_jobs_task", "owner", "task", "created", "id"),
        Index("ix_jobs_state", "owner", "state", "created", "id"),
        Index("ix_jobs_task_state", "owner", "task", "state", "created", "id"),
        Index("ix_jobs_item", "item"),
        Index("ix_jobs_run", "run"),
        # Whose turn it is depends on when each owner had the last one.
        Index("ix_jobs_turn", "owner", "started"),
        Index("ix_jobs_natural", "owner", "task", "inputs_sha256", "params_sha256"),
        Index(
            "ix_jobs_finished",
            "finished",
            postgresql_where=text("finished IS NOT NULL"),
            sqlite_where=text("finished IS NOT NULL"),
        ),
        # Only live rows are claimed, swept or counted; these stay small whatever the history.
        # One look-up for the next job of an owner, a priority and a length.
        Index(
            "ix_jobs_queued",
            "task",
            "owner",
            "priority",
            "long",
            "queued",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        Index(
            "ix_jobs_crashed",
            "owner",
            "task",
            "inputs_sha256",
            postgresql_where=text("reason_code = 'crash'"),
            sqlite_where=text("reason_code = 'crash'"),
        ),
        Index(
            "ix_jobs_running",
            "owner",
            "lease_until",
            postgresql_where=text("state = 'running'"),
            sqlite_where=text("state = 'running'"),
        ),
        Index(
            "ix_jobs_waiting",
            "owner",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        item_of_subject(),
    )

    id: str = Field(primary_key=True)
    owner: str
    item: str | None = Field(default=None, foreign_key="items.id", ondelete="CASCADE")
    """The subject, where that is an item: then the job goes with it."""
    run: str | None = Field(default=None, foreign_key="runs.id", ondelete="SET NULL")
    step: str | None = None
    """The step of the run that it belongs to."""
    task: str
    state: str
    priority: str
    params: dict[str, Any] = Field(sa_type=Json)
    params_sha256: str
    inputs: list[dict[str, Any]] = Field(sa_type=Json)
    """`InputRef`s."""
    inputs_sha256: str
    """Digest of the inputs' digests, in order."""
    epoch: int = 0
    """The fencing number: grows with every claim."""
    attempt: int = 0
    """Claims so far that were not given back."""
    retries: int = 0
    """Passing faults so far."""
    crashes: int = 0
    """Deaths of a child so far, as told by a living worker."""
    lost: int = 0
    """Leases that ran out so far."""
    seq: int = 0
    """Counts this job's events."""
    worker: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Utc)
    start_to_close_timeout: float
    """Seconds that an attempt may take."""
    deadline: datetime | None = Field(default=None, sa_type=Utc)
    """When the running attempt's start_to_close_timeout ends."""
    not_before: datetime = Field(sa_type=Utc)
    queued: datetime = Field(sa_type=Utc)
    """When it was first queued: its place in the line, whatever happened since."""
    schedule_to_start_deadline: datetime = Field(sa_type=Utc)
    """Unclaimed by then, it has expired."""
    schedule_to_close_deadline: datetime = Field(sa_type=Utc)
    """Not to be tried again after this."""
    cancel_requested: bool = False
    progress: dict[str, Any] = Field(default_factory=dict, sa_type=Json, nullable=False)
    result: dict[str, Any] | None = Field(default=None, sa_type=Json)
    reason: dict[str, Any] | None = Field(default=None, sa_type=Json)
    reason_code: str | None = None
    """The failure's reason, once it has ended in one."""
    detail: str = ""
    """For operators: what the last failed attempt left in its log."""
    producer: dict[str, Any] | None = Field(default=None, sa_type=Json)
    fingerprint: str | None = None
    retry_of: str | None = None
    traceparent: str = ""
    created: datetime = Field(sa_type=Utc)
    started: datetime | None = Field(default=None, sa_type=Utc)
    finished: datetime | None = Field(default=None, sa_type=Utc)
    long: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether it is expected to take long: short ones of an owner go first."""
    subject_kind: str
    subject_id: str
    """What it works on."""


def in_state(state: JobState, job: Any = JobRow) -> ColumnElement[bool]:
    """Return the condition that a job is in a state.

    The state is written out: a database cannot know of a value that is bound that an index of
    live rows holds all it asks for.
    """
    return col(job.state) == literal_column(f"'{state.value}'")


class ProducerRow(Table, table=True):
    """What workers of a task make results with, and when one last offered it."""

    __tablename__ = "producers"

    task: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    producer: dict[str, Any] = Field(sa_type=Json)
    first_seen: datetime = Field(sa_type=Utc)
    last_seen: datetime = Field(sa_type=Utc)


class WorkerRow(Table, table=True):
    """A worker process, as its claims describe it."""

    __tablename__ = "workers"
    __table_args__ = (Index("ix_workers_seen", "last_seen"),)

    id: str = Field(primary_key=True)
    task: str
    producer: dict[str, Any] = Field(sa_type=Json)
    about: dict[str, Any] = Field(sa_type=Json)
    """A `WorkerInfo`."""
    slots: int
    first_seen: datetime = Field(sa_type=Utc)
    last_seen: datetime = Field(sa_type=Utc)


class GarbageRow(Table, table=True):
    """Objects to be removed: written with what made them useless, done by the reaper."""

    __tablename__ = "garbage"
    __table_args__ = (Index("ix_garbage_due", "due"),)

    id: str = Field(primary_key=True)
    bucket: str
    prefix: str
    """A prefix that ends in `/`, or one whole key."""
    due: datetime = Field(sa_type=Utc)
    """Not before: an attempt that lost its lease may still be writing."""
    created: datetime = Field(sa_type=Utc)
