"""Every row the library keeps. Ids are text, times are UTC, what has a shape of its own is JSON."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Index,
    MetaData,
    UniqueConstraint,
    false,
    literal_column,
    text,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col

from contracts.jobs import JobState
from kit.database.base import Json, Serial, Utc

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
METADATA = MetaData(naming_convention=_NAMES)


class Table(SQLModel, registry=registry(metadata=METADATA)):
    """Base of the library's tables."""


def _item_of_subject() -> CheckConstraint:
    """Return the rule that the foreign key `item` is set exactly when the subject is an item."""
    return CheckConstraint(
        "CASE WHEN subject_kind = 'item' THEN item IS NOT NULL AND item = subject_id"
        " ELSE item IS NULL END",
        name="item_of_subject",
    )


class ItemRow(Table, table=True):
    """An item. `sha256` is that of the original; an item cut from another has none."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("owner", "sha256"),
        # A page of a list is read from one of these as it lies, whatever it is narrowed by.
        Index("ix_items_page", "owner", "created", "id"),
        Index("ix_items_kind", "owner", "kind", "created", "id"),
        Index("ix_items_state", "owner", "state", "created", "id"),
        Index("ix_items_parent", "parent", "created", "id"),
    )

    id: str = Field(primary_key=True)
    owner: str
    kind: str
    declared: str | None = None
    """What the uploader said it is, for ingest."""
    state: str
    name: str
    labels: dict[str, str] = Field(default_factory=dict, sa_type=Json, nullable=False)
    """What `metadata` is called in the API; the name is taken in here."""
    search: str = ""
    """Name and labels, folded, for text search."""
    sha256: str | None = None
    audio: dict[str, Any] | None = Field(default=None, sa_type=Json)
    bpm: float | None = None
    parent: str | None = Field(default=None, foreign_key="items.id", ondelete="CASCADE")
    parent_job: str | None = None
    stem: str | None = None
    start: int | None = Field(default=None, sa_type=BigInteger)
    end: int | None = Field(default=None, sa_type=BigInteger)
    rejection: str | None = None
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)


class ArtifactRow(Table, table=True):
    """A stored file that belongs to a subject."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("ix_artifacts_page", "owner", "created", "id"),
        Index("ix_artifacts_item", "item", "kind"),
        Index("ix_artifacts_job", "job"),
        Index("ix_artifacts_stored", "owner", "kind", "size"),
        _item_of_subject(),
    )

    id: str = Field(primary_key=True)
    owner: str
    item: str | None = Field(default=None, foreign_key="items.id", ondelete="CASCADE")
    """The subject, where that is an item: then the file goes with it."""
    job: str | None = None
    kind: str
    name: str
    media_type: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    bucket: str
    object_key: str
    stem: str | None = None
    start: int | None = Field(default=None, sa_type=BigInteger)
    end: int | None = Field(default=None, sa_type=BigInteger)
    audio: dict[str, Any] | None = Field(default=None, sa_type=Json)
    created: datetime = Field(sa_type=Utc)
    subject_kind: str
    subject_id: str


OPENING = "opening"
"""An upload that is written down, while the store is still to be asked for it."""


class UploadRow(Table, table=True):
    """An upload under way, or what became of it."""

    __tablename__ = "uploads"
    __table_args__ = (
        Index("ix_uploads_page", "owner", "created", "id"),
        Index("ix_uploads_state", "state", "created"),
        Index("ix_uploads_coming", "owner", "state", "size"),
    )

    id: str = Field(primary_key=True)
    owner: str
    state: str
    name: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    kind: str | None = None
    labels: dict[str, str] = Field(default_factory=dict, sa_type=Json, nullable=False)
    object_key: str
    reference: str
    """The store's own name of the multipart upload."""
    part_size: int = Field(sa_type=BigInteger)
    item: str | None = None
    job: str | None = None
    duplicate: bool = False
    created: datetime = Field(sa_type=Utc)
    expires: datetime = Field(sa_type=Utc)
    stem: str | None = None


class UsageRow(Table, table=True):
    """Bytes that an owner stores, kept true by whoever adds or removes files."""

    __tablename__ = "usage"

    owner: str = Field(primary_key=True)
    originals: int = Field(default=0, sa_type=BigInteger)
    results: int = Field(default=0, sa_type=BigInteger)
    uploads: int = Field(default=0, sa_type=BigInteger)
    """Announced, and not complete yet."""


class PipelineRow(Table, table=True):
    """A pipeline that an owner stored."""

    __tablename__ = "pipelines"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: str = Field(primary_key=True)
    owner: str
    name: str
    spec: dict[str, Any] = Field(sa_type=Json)
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)


class RunRow(Table, table=True):
    """One walk of a pipeline over one item; its copy of the spec cannot change under it."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_page", "owner", "created", "id"),
        Index("ix_runs_state", "owner", "state", "created", "id"),
        Index("ix_runs_item", "item"),
    )

    id: str = Field(primary_key=True)
    owner: str
    item: str = Field(foreign_key="items.id", ondelete="CASCADE")
    spec: dict[str, Any] = Field(sa_type=Json)
    state: str
    priority: str
    force: bool = False
    steps: dict[str, Any] = Field(default_factory=dict, sa_type=Json, nullable=False)
    """What the run has decided of each step so far."""
    cancel_requested: bool = False
    traceparent: str = ""
    created: datetime = Field(sa_type=Utc)
    finished: datetime | None = Field(default=None, sa_type=Utc)


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
        _item_of_subject(),
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


class EventRow(Table, table=True):
    """An event: written with what it tells of, published by the relay, read again by the feed."""

    __tablename__ = "events"
    __table_args__ = (
        Index(
            "ix_events_unpublished",
            "seq",
            postgresql_where=text("published IS NULL"),
            sqlite_where=text("published IS NULL"),
        ),
        Index("ix_events_feed", "owner", "topic", "xid", "seq"),
        Index("ix_events_time", "time"),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    id: str = Field(unique=True)
    xid: int = Field(default=0, sa_type=BigInteger)
    """The transaction that wrote it, on Postgres: readers with a cursor stop before live ones."""
    topic: str
    key: str
    type: str
    event_subject: str
    """The CloudEvents attribute `subject`: the id of what it happened to."""
    data: dict[str, Any] = Field(sa_type=Json)
    time: datetime = Field(sa_type=Utc)
    traceparent: str = ""
    owner: str | None = None
    job: str | None = None
    run: str | None = None
    sequence: int | None = None
    """The job's own count of its events."""
    published: datetime | None = Field(default=None, sa_type=Utc)
    subject_kind: str | None = None
    """With `subject_id`, the thing in the catalogue that it belongs to."""
    subject_id: str | None = None


class InboxRow(Table, table=True):
    """An event that was handled: a second delivery of it is dropped."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_received", "received"),)

    consumer: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    received: datetime = Field(sa_type=Utc)


class IdempotencyRow(Table, table=True):
    """What was answered to a request that carried an Idempotency-Key."""

    __tablename__ = "idempotency"
    __table_args__ = (Index("ix_idempotency_created", "created"),)

    owner: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_sha256: str
    status: int | None = None
    """Absent while the first request is under way."""
    answer: dict[str, Any] | None = Field(default=None, sa_type=Json)
    created: datetime = Field(sa_type=Utc)


class ProducerRow(Table, table=True):
    """What workers of a task make results with, and when one last offered it."""

    __tablename__ = "producers"

    task: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    producer: dict[str, Any] = Field(sa_type=Json)
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


class DeletionRow(Table, table=True):
    """A deletion under way: of an item with all that was cut from it, or of an owner.

    As long as it stands, nobody finds the items, nor their files, jobs and runs.
    """

    __tablename__ = "deletions"
    __table_args__ = (Index("ix_deletions_created", "created"),)

    id: str = Field(primary_key=True)
    """That of the item, or of the owner."""
    owner: str
    item: str | None = None
    """Absent where all of the owner goes."""
    created: datetime = Field(sa_type=Utc)
