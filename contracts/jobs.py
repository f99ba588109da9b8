"""Jobs: tasks, states, outcomes, and what a worker and the library say to each other."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.ids import ArtifactId, ItemId, JobId, OwnerId, RunId, WorkerId
from contracts.items import (
    ArtifactKind,
    ArtifactName,
    AudioFacts,
    ItemKind,
    MediaType,
    Sha256,
)
from contracts.music import Bpm, Samples, Seconds, Stem
from contracts.subjects import Subject

Params = dict[str, Any]
"""A task's parameters as JSON, already validated by the task's own model."""
ResultData = dict[str, Any]
"""A task's result as JSON, dumped from the task's own model."""


class TaskName(StrEnum):
    """The tasks, one word each; the word is also the service, the topic prefix and the label."""

    INGEST = "ingest"
    SEPARATION = "separation"
    SLICING = "slicing"
    TAGGING = "tagging"
    MIDI = "midi"
    TRANSCRIBE = "transcribe"
    ANALYSIS = "analysis"
    EXPORT = "export"


class JobState(StrEnum):
    """Where a job is; the last four never change again."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class Priority(StrEnum):
    """How long a job may wait behind others."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class ReasonCode(StrEnum):
    """Why a job failed, for programs; the message beside it is for people."""

    INPUT = "input"
    """The audio cannot be used; trying again would not help."""
    LIMITS = "limits"
    """The audio is longer or larger than this service takes."""
    TIMEOUT = "timeout"
    """The work was not done within the time its length allows."""
    EXPIRED = "expired"
    """No worker took the job in time."""
    CRASH = "crash"
    """The work brought its process down three times; the file is in quarantine."""
    EXHAUSTED = "exhausted"
    """Every retry of a passing fault was used up."""
    INTERNAL = "internal"
    """A fault of ours."""
    QUOTA = "quota"
    """There is no room for the results in what the account, or the server, may store."""
    STORE_FULL = "store_full"
    """The disk that holds the files is full; such a job waits until there is room."""
    DAMAGED_FILE = "damaged_file"
    """A stored file that the job reads does not have the bytes that its digest promises."""
    MISSING_FILE = "missing_file"
    """A stored file that the job reads is not there."""


class Progress(Message):
    """How far a running job is."""

    fraction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    message: Annotated[str, StringConstraints(max_length=200)] = ""
    previews: tuple[str, ...] = ()
    """Names of what can be heard already: finished parts of files, to be fetched by way of
    `GET /v1/jobs/{job}/previews/{name}` while the job runs. Never artifacts, gone with the
    attempt."""


class Reason(Message):
    """Why a job failed or was skipped."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=64)]
    """A `ReasonCode`, or for a skipped job the task's own word, such as `silent`."""
    message: Annotated[str, StringConstraints(max_length=2000)]
    """For a person: what was wrong and what to do."""


class Producer(Message):
    """What a worker's results are made with; results are reused only of a make still offered."""

    engine: Annotated[str, StringConstraints(max_length=100)]
    version: Annotated[str, StringConstraints(max_length=40)]
    """The service's version: it changes when results would."""
    weights: Annotated[str, StringConstraints(max_length=200)] = ""
    """Names and versions of the weights in use, for people."""
    fingerprint: Sha256
    """Digest of all of the above and of the weights' own digests."""


class InputRef(Message):
    """One file that a job reads."""

    artifact: ArtifactId | None = None
    """`None` for the original that ingest opens."""
    subject: Subject
    """What it belongs to; not always what the job works on."""
    kind: ArtifactKind
    name: str
    bucket: str
    key: str
    size: int
    sha256: Sha256
    stem: Stem | None = None
    start: Samples | None = None
    """Where this file lies in the job's item, when it was cut from it."""
    end: Samples | None = None


class ItemFacts(Message):
    """What a worker may know of the item that is the subject of its job."""

    id: ItemId
    kind: ItemKind
    name: str
    declared: ItemKind | None = None
    """What the uploader said it is; only for ingest."""
    audio: AudioFacts | None = None
    bpm: Bpm | None = None


MAX_CLAIMS = 64
"""Jobs that a worker is given at once."""


class ClaimRequest(StrictModel):
    """A worker asks for the next jobs of its kind."""

    task: TaskName
    worker: WorkerId
    producer: Producer
    max_jobs: int = Field(default=1, ge=1, le=MAX_CLAIMS)
    """As many as it has room for."""
    max_long_jobs: int = Field(default=MAX_CLAIMS, ge=0, le=MAX_CLAIMS)
    """How many of them may be expected to take long."""


class Claim(Message):
    """A job handed to a worker, under a lease and a fencing number."""

    job: JobId
    epoch: int
    attempt: int
    task: TaskName
    owner: OwnerId
    subject: Subject
    """What it works on."""
    item: ItemFacts | None = None
    """What is known of the subject where it is an item; `None` where it is not."""
    inputs: tuple[InputRef, ...]
    params: Params
    long: bool = False
    """Whether it is expected to take long."""
    lease: Seconds
    """The lease ends this long after the last heartbeat."""
    start_to_close_timeout: Seconds
    """The work must end this long after the claim."""
    traceparent: str = ""


class Claims(Message):
    """What a worker is given to do, the most urgent first; nothing if nothing waits."""

    claims: tuple[Claim, ...]


class Heartbeat(StrictModel):
    """A worker says that it is alive and how far it is."""

    worker: WorkerId
    epoch: int
    progress: Progress = Progress()


class LeaseStatus(StrEnum):
    """What the library answers to a heartbeat or a release."""

    HELD = "held"
    """Yours; go on."""
    CANCELLED = "cancelled"
    """Yours still, but nobody wants it: stop, then say `job.released`."""
    LOST = "lost"
    """Not yours any more: kill the child, upload nothing more."""


class HeartbeatAnswer(Message):
    """Whether the job is still the worker's."""

    status: LeaseStatus


class FileFacts(Message):
    """What a handler knows of a file that it writes."""

    name: ArtifactName
    kind: ArtifactKind
    media_type: MediaType
    stem: Stem | None = None
    item: ItemKind | None = None
    """When set, the file becomes an item of its own, with lineage to the job's subject where that
    is an item."""
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    """A name for that item."""
    start: Samples | None = None
    end: Samples | None = None
    audio: AudioFacts | None = None


class StoredFile(FileFacts):
    """One file that an attempt stored, as its manifest lists it."""

    size: Annotated[int, Field(ge=0)]
    sha256: Sha256


class Manifest(Message):
    """The last object of an attempt: what it made. Its presence makes the attempt complete."""

    job: JobId
    epoch: int
    producer: Producer
    result: ResultData
    files: tuple[StoredFile, ...] = ()


# What workers say on `jobs.events`. Every one carries the epoch that fences it.


class JobCompleted(Message):
    """An attempt is complete: its manifest is stored."""

    job: JobId
    epoch: int
    worker: WorkerId
    manifest_key: str
    manifest_sha256: Sha256
    manifest: Manifest | None = None
    """The same manifest, where it is small: then nobody needs to fetch it."""


class JobSkipped(Message):
    """There was nothing to do: silence, too short, nothing found."""

    job: JobId
    epoch: int
    worker: WorkerId
    producer: Producer
    reason: Reason


class FailureKind(StrEnum):
    """What kind of failure an attempt met: it decides whether the job runs again."""

    REJECTED = "rejected"
    """Bad input: never retried."""
    RETRYABLE = "retryable"
    """A passing fault: retried with backoff."""
    CRASH = "crash"
    """The child died: the third time quarantines the file."""
    TIMEOUT = "timeout"
    """The deadline passed: never retried."""
    INTERNAL = "internal"
    """The handler raised what no outcome names: retried with backoff."""


class JobFailed(Message):
    """An attempt failed."""

    job: JobId
    epoch: int
    worker: WorkerId
    kind: FailureKind
    reason: Reason
    detail: Annotated[str, StringConstraints(max_length=8000)] = ""
    """For operators: signal, tail of the child's log. Never shown to users."""


class JobReleased(Message):
    """A worker gave a job back untouched."""

    job: JobId
    epoch: int
    worker: WorkerId


# What the library says on `dead.letters`, `<word>.commands` and `jobs.progress`.


class JobQuarantined(Message):
    """A file brought its workers down as often as is allowed: for operators, to look into."""

    job: JobId
    epoch: int
    worker: WorkerId
    inputs: tuple[Sha256, ...]
    """Digests of the files it worked on."""
    detail: str = ""
    """Signal and tail of the child's log."""


class JobRequested(Message):
    """There is work of this kind; whoever is free claims the next job, not necessarily this one."""

    job: JobId
    task: TaskName
    priority: Priority


class JobProgressed(Message):
    """How far a running job is, for live streams; losing some is harmless."""

    job: JobId
    subject: Subject
    owner: OwnerId
    run: RunId | None = None
    task: TaskName
    progress: Progress


# What users see.


class WaitReason(StrEnum):
    """What a queued job waits for."""

    WORKER = "worker"
    """No worker for this task has asked for work lately."""
    RETRY = "retry"
    """The pause before another attempt."""
    LIMIT = "limit"
    """Its owner has as many jobs running as one may have."""
    OTHERS = "others"
    """Jobs of this task that were queued before it."""
    ROOM = "room"
    """It is the next one: a worker has to become free."""


class QueueState(Message):
    """Where a queued job stands in the queue of its task."""

    position: Annotated[int, Field(ge=1)]
    """1 is the next one; counted up to 1001, which means that far behind at least."""
    ahead: Annotated[int, Field(ge=0)]
    """Jobs of the same task, of all users, that were queued earlier or are more urgent. Turns also
    go round between users, and short jobs pass long ones, so a job may be taken sooner or later
    than this says."""
    waiting_for: WaitReason
    message: str
    """The same in words."""


class Job(Message):
    """A job as the API shows it."""

    id: JobId
    subject: Subject
    """What it works on."""
    task: TaskName
    state: JobState
    priority: Priority
    params: Params
    inputs: tuple[ArtifactId, ...] = ()
    """The artifacts it reads; empty when it reads its item's own audio."""
    progress: Progress
    queue: QueueState | None = None
    """While it is queued, in the answer to `GET /v1/jobs/{id}` only."""
    result: ResultData | None = None
    reason: Reason | None = None
    producer: Producer | None = None
    attempt: int = 0
    run: RunId | None = None
    retry_of: JobId | None = None
    cancel_requested: bool = False
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None


class JobCreate(StrictModel):
    """Ask for a task over an item, or over artifacts of it."""

    item: ItemId
    task: TaskName
    params: dict[str, Any] = Field(default_factory=dict)
    inputs: Annotated[tuple[ArtifactId, ...], Field(max_length=1000)] = ()
    priority: Priority = Priority.INTERACTIVE
    force: bool = False
    """Run again even when a finished result could be reused."""
